// float32 from and to the 16-bit types, rounding to nearest even.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/portable.h"

namespace scorecam {

SCORECAM_SHARED uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

SCORECAM_SHARED float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

SCORECAM_SHARED float widen_bfloat16(uint16_t half) { return float_of(static_cast<uint32_t>(half) << 16); }

SCORECAM_SHARED uint16_t narrow_bfloat16(float value) {
  const uint32_t bits = bits_of(value);
  // Rounding up must not carry a NaN into infinity.
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fc0;
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

SCORECAM_SHARED float widen_float16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  const uint32_t exponent = magnitude & 0x0f800000u;
  const uint32_t rebias = (127u - 15u) << 23;
  if (exponent == 0x0f800000u) return float_of(sign | (magnitude + rebias + ((128u - 16u) << 23)));
  if (exponent == 0) {
    // Subnormal: read it as 2^-14 * (1 + fraction) and take the 2^-14 away again.
    const float value = float_of(magnitude + rebias + (1u << 23)) - float_of(rebias + (1u << 23));
    return float_of(sign | bits_of(value));
  }
  return float_of(sign | (magnitude + rebias));
}

SCORECAM_SHARED uint16_t narrow_float16(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x47800000u)  // 2^16 and up, infinity, NaN
    return static_cast<uint16_t>(sign | (magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u));
  if (magnitude < 0x38800000u) {
    // Below 2^-14 the result is a multiple of 2^-24, which is the distance of floats around 0.5: adding 0.5
    // makes the hardware round there.
    const float shifted = float_of(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (bits_of(shifted) - 0x3f000000u));
  }
  const uint32_t odd = (magnitude >> 13) & 1u;
  return static_cast<uint16_t>(sign | ((magnitude - ((127u - 15u) << 23) + 0xfffu + odd) >> 13));
}

}  // namespace scorecam
