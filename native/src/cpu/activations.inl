// What networks do with each element of a convolution's output, over vectors of floats.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/vectors.inl"
#include "scorecam.h"

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

// The same number in all places.
inline Floats all(float number) { return number - Floats{}; }

// A NaN stays one.
inline Floats within(float low, Floats y, float high) { return smaller(all(high), larger(all(low), y)); }

// e^y within 2 ulp between the exponents that float32 has, and as at these beyond. With y = n ln 2 + r and
// |r| <= ln 2 / 2 it is 2^n times the Taylor polynomial of e^r, whose next term is below 6e-9.
inline Floats exponential(Floats y) {
  y = within(-87, y, 88);
  constexpr float kShift = 12582912;  // 1.5 * 2^23: adding it rounds to integers, which are the lowest bits then
  constexpr float kHigh = 0.693359375f, kLow = -2.12194440e-4f;  // ln 2, as Cody and Waite split it
  const Floats shifted = y * 1.44269504f + kShift;
  const Floats n = shifted - kShift;
  const Floats r = (y - n * kHigh) - n * kLow;
  Floats sum = r * (1.0f / 5040) + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  Words bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4b400000u + 127u) << 23;
  Floats power;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

struct Within {
  Floats low, high;
  Floats operator()(Floats y) const { return smaller(high, larger(low, y)); }
};

struct Silu {
  Floats operator()(Floats y) const { return y / (exponential(-y) + 1.0f); }
};

struct Sigmoid {
  Floats operator()(Floats y) const { return 1.0f / (exponential(-y) + 1.0f); }
};

struct Hardsigmoid {
  Floats operator()(Floats y) const { return within(0, y + 3.0f, 6) * (1.0f / 6); }
};

struct Hardswish {
  Floats operator()(Floats y) const { return y * Hardsigmoid{}(y); }
};

// Calls `work` with what the number stands for: looked at once, not for each vector. What only bounds shares its code.
template <class Work>
inline void with_activation(int32_t activation, Work &&work) {
  constexpr float kInfinity = __builtin_inff();
  switch (activation) {
    case SCORECAM_ACTIVATION_SILU:
      return work(Silu{});
    case SCORECAM_ACTIVATION_HARDSWISH:
      return work(Hardswish{});
    case SCORECAM_ACTIVATION_SIGMOID:
      return work(Sigmoid{});
    case SCORECAM_ACTIVATION_HARDSIGMOID:
      return work(Hardsigmoid{});
    default:
      return work(Within{all(activation == SCORECAM_ACTIVATION_NONE ? -kInfinity : 0),
                         all(activation == SCORECAM_ACTIVATION_RELU6 ? 6 : kInfinity)});
  }
}

}  // namespace
}  // namespace SCORECAM_ISA
}  // namespace scorecam
