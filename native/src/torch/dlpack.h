#pragma once

#include <cstdint>

namespace scorecam {

// See scorecam_to_dlpack and scorecam_from_dlpack.
void *to_dlpack(const char *library, const void *tensor, std::int32_t form, std::int32_t read_only);
void from_dlpack(const char *library, void *managed, std::int32_t form, std::int32_t read_only,
                 std::int32_t cuda_devices, void *tensor);

}  // namespace scorecam
