// What becomes of the process when it exits while LibTorch still runs in some of its threads.
#pragma once

#include <cstdint>

namespace scorecam {

void exit_at_once_while(const int64_t *working);

}  // namespace scorecam
