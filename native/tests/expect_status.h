// Checks what a function of ours returns and says.
#pragma once

#include <cstring>

#include "check.h"
#include "scorecam.h"

namespace check {

inline void status(scorecam_status expected, const char *words, scorecam_status actual, int line) {
  CHECK(actual == expected, "line %d: %s, not %s", line, scorecam_status_name(actual), scorecam_status_name(expected));
  CHECK(std::strstr(scorecam_last_message(), words) != nullptr, "line %d: \"%s\" lacks \"%s\"", line,
        scorecam_last_message(), words);
}

}  // namespace check

// A status by the end of its name, and words of its message.
#define EXPECT(expected, words, call) check::status(SCORECAM_STATUS_##expected, words, call, __LINE__)
