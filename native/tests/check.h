// A failed check is reported and counted; a test program ends with report().
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <string>

#include "../src/common/portable.h"

namespace check {

struct Count {
  int64_t made = 0, failed = 0;
};

inline Count &count() {
  static Count count;
  return count;
}

inline bool pass() {
  ++count().made;
  return true;
}

SCORECAM_PRINTF(3, 4) inline bool fail(const char *file, int line, const char *format, ...) {
  ++count().made;
  if (++count().failed <= 20) {
    std::fprintf(stderr, "%s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
    std::fputc('\n', stderr);
  }
  return false;
}

inline int report() {
  std::printf("%lld checks, %lld failed\n", static_cast<long long>(count().made),
              static_cast<long long>(count().failed));
  return count().failed == 0 && count().made > 0 ? 0 : 1;
}

// Runs the group of tests that the program was asked for.
template <class Values, class Arguments>
int run(int argc, char **argv, Values &&values, Arguments &&arguments) {
  const std::string group = argc > 1 ? argv[1] : "";
  if (group == "values")
    values();
  else if (group == "arguments")
    arguments();
  else
    return 2;
  return report();
}

}  // namespace check

#define CHECK(condition, ...) ((condition) ? check::pass() : check::fail(__FILE__, __LINE__, __VA_ARGS__))
