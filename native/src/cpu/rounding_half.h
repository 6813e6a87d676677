// float16 to compute with, each result of which is rounded as that of a processor with float16 would be.
#pragma once

#include "common/half.h"

namespace scorecam {

class RoundingHalf {
 public:
  RoundingHalf() = default;
  explicit RoundingHalf(float value) : bits_(narrow_float16(value)) {}
  explicit RoundingHalf(double value) : RoundingHalf(static_cast<float>(value)) {}
  explicit RoundingHalf(int64_t value) : RoundingHalf(static_cast<float>(value)) {}
  explicit operator double() const { return widen_float16(bits_); }

  friend RoundingHalf operator+(RoundingHalf a, RoundingHalf b) { return RoundingHalf(a.wide() + b.wide()); }
  friend RoundingHalf operator-(RoundingHalf a, RoundingHalf b) { return RoundingHalf(a.wide() - b.wide()); }
  friend RoundingHalf operator*(RoundingHalf a, RoundingHalf b) { return RoundingHalf(a.wide() * b.wide()); }
  friend RoundingHalf operator/(RoundingHalf a, RoundingHalf b) { return RoundingHalf(a.wide() / b.wide()); }

 private:
  float wide() const { return widen_float16(bits_); }

  uint16_t bits_;
};

}  // namespace scorecam
