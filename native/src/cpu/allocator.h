#pragma once

#include <cstdint>

namespace scorecam {

// See scorecam_tune_allocator; throws Failure.
void tune_allocator(int64_t mmap_threshold, int64_t trim_threshold, int64_t top_pad);

}  // namespace scorecam
