// Rows of an activation map, upsampled along the row. Going down the image each source row is needed by many
// target rows in turn, and at most kMaxTaps source rows by any one of them: a ring of that many is kept.
#pragma once

#include <cstdint>

#include "common/resample.h"
#include "cpu/axis.h"
#include "cpu/elements.h"
#include "cpu/row_kernels.h"

namespace scorecam {

class MapRows {
 public:
  static int64_t scratch_floats(const Axis &x) { return kMaxTaps * x.padded_out + padded(x.in); }

  MapRows(const RowKernels &kernels, const Axis &y, const Axis &x, float *scratch)
      : kernels_(kernels), y_(y), x_(x), source_(scratch + kMaxTaps * x.padded_out) {
    for (int slot = 0; slot < kMaxTaps; ++slot) ring_[slot] = scratch + slot * x.padded_out;
    forget();
  }

  // From now on, rows of (A[channel] - min) / divisor.
  void open(const scorecam_tensor &activations, int64_t channel, float min, float divisor) {
    map_ = elements(activations);
    offset_ = channel * activations.strides[0];
    row_stride_ = activations.strides[1];
    column_stride_ = activations.strides[2];
    min_ = min;
    divisor_ = divisor;
    forget();
  }
  void open(const scorecam_tensor &activations, int64_t channel) { open(activations, channel, 0, 1); }

  // From now on, rows of a contiguous h x w plane.
  void open(const float *plane) {
    map_ = {reinterpret_cast<const char *>(plane), SCORECAM_DTYPE_FLOAT32};
    offset_ = 0;
    row_stride_ = x_.in;
    column_stride_ = 1;
    min_ = 0;
    divisor_ = 1;
    forget();
  }

  // The rows and weights whose weighted sum is row `target` of the upsampled map.
  void seek(int64_t target) {
    const int32_t *const index = y_.index.data() + target;
    const float *const weight = y_.weight.data() + target;
    if (window_ != y_.window[static_cast<std::size_t>(target)]) {
      window_ = y_.window[static_cast<std::size_t>(target)];
      for (int t = 0; t < y_.taps; ++t) rows_[t] = row(index[t * y_.padded_out]);
    }
    for (int t = 0; t < y_.taps; ++t) weights_[t] = weight[t * y_.padded_out];
  }
  const float *const *rows() const { return rows_; }
  const float *weights() const { return weights_; }

 private:
  void forget() {
    for (int64_t &held : held_) held = -1;
    window_ = -1;
  }

  // Neighbouring source rows fall into different slots, so the taps of one target row never evict each other.
  const float *row(int64_t source_row) {
    const int slot = static_cast<int>(source_row % kMaxTaps);
    if (held_[slot] != source_row) {
      map_.read(offset_ + source_row * row_stride_, column_stride_, x_.in, source_, 1);
      if (min_ != 0 || divisor_ != 1)
        for (int64_t i = 0; i < x_.in; ++i) source_[i] = (source_[i] - min_) / divisor_;
      kernels_.expand_row(source_, x_.in, x_.index.data(), x_.weight.data(), x_.taps, x_.padded_out, ring_[slot]);
      held_[slot] = source_row;
    }
    return ring_[slot];
  }

  const RowKernels &kernels_;
  const Axis &y_, &x_;
  float *source_;
  float *ring_[kMaxTaps];
  int64_t held_[kMaxTaps];
  int32_t window_;
  Elements map_{};
  int64_t offset_ = 0, row_stride_ = 0, column_stride_ = 0;
  float min_ = 0, divisor_ = 1;
  const float *rows_[kMaxTaps] = {};
  float weights_[kMaxTaps] = {};
};

}  // namespace scorecam
