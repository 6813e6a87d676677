#pragma once

namespace scorecam {

// See scorecam_tensor_memory and its kin; those that can fail throw Failure.
void *tensor_memory(const char *library, void *theirs);
void use_huge_pages();
void release_tensor_memory() noexcept;

}  // namespace scorecam
