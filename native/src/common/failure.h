// How an error travels inside the library: thrown as a Failure, and turned into a status and a message at the
// C boundary by guarded(). Nothing else crosses it.
#pragma once

#include <cstdarg>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "common/portable.h"
#include "scorecam.h"

namespace scorecam {

class Failure : public std::exception {
 public:
  Failure(scorecam_status status, std::string message) : status_(status), message_(std::move(message)) {}
  scorecam_status status() const noexcept { return status_; }
  const char *what() const noexcept override { return message_.c_str(); }

 private:
  scorecam_status status_;
  std::string message_;
};

[[noreturn]] SCORECAM_PRINTF(2, 3) inline void fail(scorecam_status status, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  throw Failure(status, text);
}

// A fixed buffer, so that reporting "out of memory" needs none.
inline char *last_message() noexcept {
  thread_local char text[512] = "";
  return text;
}

inline scorecam_status report(scorecam_status status, const char *message) noexcept {
  std::snprintf(last_message(), 512, "%s", message);
  return status;
}

template <class Operation>
scorecam_status guarded(Operation &&operation) noexcept {
  try {
    operation();
    last_message()[0] = '\0';
    return SCORECAM_STATUS_OK;
  } catch (const Failure &failure) {
    return report(failure.status(), failure.what());
  } catch (const std::bad_alloc &) {
    return report(SCORECAM_STATUS_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &unexpected) {
    return report(SCORECAM_STATUS_INTERNAL, unexpected.what());
  } catch (...) {
    return report(SCORECAM_STATUS_INTERNAL, "unknown error");
  }
}

const char *status_name(scorecam_status status) noexcept;

}  // namespace scorecam
