#pragma once

#include <cstdint>

namespace scorecam {

// See scorecam_tensor_memory and its kin; those that can fail throw Failure.
void *tensor_memory(const char *library, void *theirs);
void try_tensor_memory(const char *library);
void use_huge_pages();
void release_tensor_memory() noexcept;
std::int64_t tensor_memory_peak() noexcept;
void forget_tensor_memory_peak() noexcept;

}  // namespace scorecam
