// What the kernels have in common: upsampling a tile in shared memory, and reductions over a block. Every loop of a
// block strides by its number of threads, so that any number gives the same result.
#pragma once

#include <cfloat>
#include <cstdint>

#include "common/channel_hash.h"
#include "common/half.h"
#include "cuda/plan.h"

// The host build of the kernels, which the tests run where there is no device, brings its own.
#ifndef SCORECAM_SHARED_MEMORY
#define SCORECAM_SHARED_MEMORY(name) extern __shared__ __align__(16) float name[]
#endif

namespace scorecam {
namespace cuda {

__device__ inline float load_element(const void *data, int32_t dtype, int64_t offset) {
  if (dtype == SCORECAM_DTYPE_FLOAT32) return static_cast<const float *>(data)[offset];
  const uint16_t half = static_cast<const uint16_t *>(data)[offset];
  return dtype == SCORECAM_DTYPE_BFLOAT16 ? widen_bfloat16(half) : widen_float16(half);
}

__device__ inline bool is_finite(float value) { return fabsf(value) <= FLT_MAX; }

// (value - min) / divisor, by multiplication if the divisor's inverse is a normal number.
struct Normalise {
  float min, divisor, factor;
  bool invertible;

  __device__ Normalise(float min_value, float divide_by)
      : min(min_value), divisor(divide_by), factor(1 / divide_by),
        invertible(fabsf(factor) >= FLT_MIN && fabsf(factor) <= FLT_MAX) {}
  __device__ float operator()(float value) const {
    return invertible ? (value - min) * factor : (value - min) / divisor;
  }
};

// The taps of an image row within the tile's map rows.
struct RowTaps {
  int32_t row[kMaxTaps];
  float weight[kMaxTaps];
};

// Where a tile lies, and the shared memory of its block:
//   pixels    [pixel_floats]          up to the kernel; a multiple of 4
//   taps      [rows]
//   expanded  [source_rows, columns]  map rows, upsampled along the row
struct Tile {
  int64_t first_row, first_column;
  int32_t rows, columns;
  float *expanded;
  RowTaps *taps;

  __device__ Tile(const Resize &resize, const Tiling &tiling, int64_t index, float *shared, int64_t pixel_floats) {
    first_row = index / tiling.across * tiling.rows;
    first_column = index % tiling.across * tiling.columns;
    rows = static_cast<int32_t>(resize.height - first_row < tiling.rows ? resize.height - first_row : tiling.rows);
    columns = static_cast<int32_t>(resize.width - first_column < tiling.columns ? resize.width - first_column
                                                                                : tiling.columns);
    taps = reinterpret_cast<RowTaps *>(shared + pixel_floats);
    expanded = shared + pixel_floats + int64_t(tiling.rows) * 2 * kMaxTaps;
  }

  // The same for every map. A barrier must follow.
  __device__ void find_taps(const Resize &resize) {
    const int64_t first = first_source_row(resize);
    for (int32_t r = threadIdx.x; r < rows; r += blockDim.x) {
      const Taps at = taps_at(resize.upsampling, resize.map_height, resize.height, resize.scale_y, first_row + r);
      for (int t = 0; t < resize.taps; ++t) {
        taps[r].row[t] = static_cast<int32_t>(at.index[t] - first);
        taps[r].weight[t] = at.weight[t];
      }
    }
  }

  // Map rows upsampled along the row. Barriers must come before, if they are still being read, and after.
  __device__ void expand(const Resize &resize, const MapSource &map, const Normalise *before) {
    const int64_t first = first_source_row(resize);
    const Taps last =
        taps_at(resize.upsampling, resize.map_height, resize.height, resize.scale_y, first_row + rows - 1);
    const int32_t source_rows = static_cast<int32_t>(last.index[resize.taps - 1] - first + 1);
    const int64_t origin = first * map.row_stride;
    if (map.dtype == SCORECAM_DTYPE_FLOAT32) {
      const float *const data = static_cast<const float *>(map.data) + origin;
      expand_rows(resize, source_rows, map, before, [=](int64_t offset) { return data[offset]; });
    } else {
      const uint16_t *const data = static_cast<const uint16_t *>(map.data) + origin;
      if (map.dtype == SCORECAM_DTYPE_BFLOAT16)
        expand_rows(resize, source_rows, map, before, [=](int64_t offset) { return widen_bfloat16(data[offset]); });
      else
        expand_rows(resize, source_rows, map, before, [=](int64_t offset) { return widen_float16(data[offset]); });
    }
  }

  // The upsampled map at a pixel of the tile.
  __device__ float at(const Resize &resize, int32_t row, int32_t column) const {
    const RowTaps &down = taps[row];
    float sum = down.weight[0] * expanded[down.row[0] * columns + column];
    for (int t = 1; t < resize.taps; ++t) sum += down.weight[t] * expanded[down.row[t] * columns + column];
    return sum;
  }

 private:
  template <class Load>
  __device__ void expand_rows(const Resize &resize, int32_t source_rows, const MapSource &map, const Normalise *before,
                              Load load) {
    for (int32_t x = threadIdx.x; x < columns; x += blockDim.x) {
      const Taps at = taps_at(resize.upsampling, resize.map_width, resize.width, resize.scale_x, first_column + x);
      for (int32_t s = 0; s < source_rows; ++s) {
        float sum = 0;
        for (int t = 0; t < kMaxTaps; ++t) {
          if (t >= resize.taps) break;
          float value = load(s * map.row_stride + at.index[t] * map.column_stride);
          if (before != nullptr) value = (*before)(value);
          sum = t == 0 ? at.weight[0] * value : sum + at.weight[t] * value;
        }
        expanded[s * columns + x] = sum;
      }
    }
  }

  __device__ int64_t first_source_row(const Resize &resize) const {
    return taps_at(resize.upsampling, resize.map_height, resize.height, resize.scale_y, first_row).index[0];
  }
};

// Combines one value per thread; the result is every thread's. `memory` has a place per thread and may be reused
// after the return.
template <class Value, class Combine>
__device__ Value block_reduce(Value value, Value *memory, Combine combine) {
  memory[threadIdx.x] = value;
  __syncthreads();
  // Halves, rounded up: any number of threads.
  for (unsigned size = blockDim.x; size > 1;) {
    const unsigned half = (size + 1) / 2;
    if (threadIdx.x + half < size) memory[threadIdx.x] = combine(memory[threadIdx.x], memory[threadIdx.x + half]);
    __syncthreads();
    size = half;
  }
  const Value result = memory[0];
  __syncthreads();
  return result;
}

// Minimum and maximum, NaNs apart.
struct Extent {
  float low, high;
  int32_t any_nan;

  __device__ void add(float value) {
    if (value != value) any_nan = 1;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  __device__ static Extent none() { return {HUGE_VALF, -HUGE_VALF, 0}; }
};

struct MergeExtents {
  __device__ Extent operator()(const Extent &a, const Extent &b) const {
    return {a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high, a.any_nan | b.any_nan};
  }
};

__device__ inline float not_a_number() { return float_of(0x7fc00000u); }

}  // namespace cuda
}  // namespace scorecam
