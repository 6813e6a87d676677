// Where an upsampled position reads the source, and with which weights. One dimension; the two are separable.
//
// The float32 arithmetic is that of PyTorch 2.10 on the CPU, found by comparing weights bit by bit: its compiler fuses
// multiplications with the additions that follow. So fmaf is spelt out here rather than left to each compiler.
#pragma once

#include <cmath>
#include <cstdint>

#include "common/portable.h"
#include "scorecam.h"

namespace scorecam {

constexpr int kMaxTaps = 4;

struct Taps {
  int64_t index[kMaxTaps];
  float weight[kMaxTaps];
};

SCORECAM_SHARED int tap_count(int32_t upsampling) {
  return upsampling == SCORECAM_UPSAMPLING_NEAREST ? 1 : upsampling == SCORECAM_UPSAMPLING_BICUBIC ? 4 : 2;
}

SCORECAM_SHARED float source_scale(int32_t upsampling, int64_t in, int64_t out) {
  if (upsampling == SCORECAM_UPSAMPLING_BILINEAR_ALIGNED)
    return out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0f;
  return static_cast<float>(in) / static_cast<float>(out);
}

SCORECAM_SHARED int64_t clamp_index(int64_t index, int64_t size) {
  return index < 0 ? 0 : index < size ? index : size - 1;
}

// Keys' cubic convolution with a = -0.75: |t| <= 1 and 1 <= |t| <= 2.
SCORECAM_SHARED float cubic_near(float t) {
  const float a = -0.75f;
  return fmaf(fmaf(a + 2, t, -(a + 3)) * t, t, 1);
}

SCORECAM_SHARED float cubic_far(float t) {
  const float a = -0.75f;
  return fmaf(fmaf(fmaf(a, t, -5 * a), t, 8 * a), t, -4 * a);
}

// `scale` is source_scale(upsampling, in, out).
SCORECAM_SHARED Taps taps_at(int32_t upsampling, int64_t in, int64_t out, float scale, int64_t target) {
  Taps taps = {{0, 0, 0, 0}, {1, 0, 0, 0}};
  const float position = static_cast<float>(target);
  if (upsampling == SCORECAM_UPSAMPLING_NEAREST) {
    taps.index[0] = clamp_index(static_cast<int64_t>(floorf(position * scale)), in);
    return taps;
  }
  if (upsampling == SCORECAM_UPSAMPLING_BICUBIC) {
    const float source = fmaf(scale, position + 0.5f, -0.5f);
    const float base = floorf(source);
    const float t = source - base;
    for (int i = 0; i < 4; ++i) taps.index[i] = clamp_index(static_cast<int64_t>(base) + i - 1, in);
    taps.weight[0] = cubic_far(t + 1);
    taps.weight[1] = cubic_near(t);
    taps.weight[2] = cubic_near(1 - t);
    taps.weight[3] = cubic_far((1 - t) + 1);
    return taps;
  }
  if (in == out) {
    // Exactly the source, as PyTorch has it.
    taps.index[0] = taps.index[1] = target;
    return taps;
  }
  float source = upsampling == SCORECAM_UPSAMPLING_BILINEAR_ALIGNED ? scale * position
                                                                    : fmaf(scale, position + 0.5f, -0.5f);
  if (source < 0) source = 0;
  taps.index[0] = clamp_index(static_cast<int64_t>(source), in);
  taps.index[1] = clamp_index(taps.index[0] + 1, in);
  const float fraction = source - static_cast<float>(taps.index[0]);
  taps.weight[1] = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
  taps.weight[0] = 1 - taps.weight[1];
  return taps;
}

}  // namespace scorecam
