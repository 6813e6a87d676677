// The saliency map in three kernels, each of which needs all of the one before: sums, upsampling, scaling.
#pragma once

#include "cuda/device.cuh"

namespace scorecam {
namespace cuda {

// Floats as integers in the same order, for atomicMin and atomicMax.
__device__ inline uint32_t ordered_bits(float value) {
  const uint32_t bits = bits_of(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ inline float from_ordered_bits(uint32_t ordered) {
  return float_of(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

struct Add {
  __device__ double operator()(double a, double b) const { return a + b; }
};

// Grid: values of the map, as many as fit, in turn.
__global__ void __launch_bounds__(kThreads) weighted_sum_kernel(const CombineParams params) {
#if defined(__CUDACC__)
  __shared__ double totals[kThreads];
#else
  double *const totals = shared_totals;
#endif
  const int64_t width = params.resize.map_width;
  for (int64_t i = blockIdx.x; i < params.resize.map_height * width; i += gridDim.x) {
    const int64_t offset = i / width * params.row_stride + i % width * params.column_stride;
    double total = 0;
    for (int64_t k = threadIdx.x; k < params.channels; k += blockDim.x)
      total += static_cast<double>(params.weights[k]) *
               static_cast<double>(load_element(params.maps, params.dtype, offset + k * params.channel_stride));
    total = block_reduce(total, totals, Add());
    if (threadIdx.x == 0) params.sums[i] = static_cast<float>(total);
  }
  if (blockIdx.x == 0 && threadIdx.x == 0)
    *params.state = {ordered_bits(HUGE_VALF), ordered_bits(-HUGE_VALF), 0, 1};
}

// Grid: tiles, as many as fit, in turn.
__global__ void __launch_bounds__(kThreads) upsample_kernel(const CombineParams params) {
  SCORECAM_SHARED_MEMORY(shared);
#if defined(__CUDACC__)
  __shared__ Extent extents[kThreads];
#else
  Extent *const extents = shared_extents;
#endif
  const Resize &resize = params.resize;
  const MapSource map = {params.sums, SCORECAM_DTYPE_FLOAT32, resize.map_width, 1};
  Extent extent = Extent::none();
  for (int64_t index = blockIdx.x; index < params.tiling.across * params.tiling.down; index += gridDim.x) {
    Tile tile(resize, params.tiling, index, shared, 0);
    __syncthreads();
    tile.find_taps(resize);
    tile.expand(resize, map, nullptr);
    __syncthreads();
    for (int32_t i = threadIdx.x; i < tile.rows * tile.columns; i += blockDim.x) {
      const int32_t y = i / tile.columns, x = i % tile.columns;
      float value = tile.at(resize, y, x);
      if ((params.options & SCORECAM_COMBINE_RELU) && value < 0) value = 0;
      extent.add(value);
      params.out[(tile.first_row + y) * params.out_row_stride + (tile.first_column + x) * params.out_column_stride] =
          value;
    }
  }
  // Upsampling leaves rounding noise on an even plane, so evenness is seen before it.
  if (blockIdx.x == 0)
    for (int64_t i = threadIdx.x; i < resize.map_height * resize.map_width; i += blockDim.x)
      if (params.sums[i] != params.sums[0]) atomicAnd(&params.state->even, 0);
  extent = block_reduce(extent, extents, MergeExtents());
  if (threadIdx.x == 0) {
    atomicMin(&params.state->low, ordered_bits(extent.low));
    atomicMax(&params.state->high, ordered_bits(extent.high));
    if (extent.any_nan) atomicOr(&params.state->any_nan, 1);
  }
}

// Grid: pixels, as many as fit, in turn.
__global__ void __launch_bounds__(kThreads) scale_kernel(const CombineParams params) {
  const CombineState state = *params.state;
  const float low = state.any_nan ? not_a_number() : from_ordered_bits(state.low);
  const float high = state.any_nan ? not_a_number() : from_ordered_bits(state.high);
  const bool finite = is_finite(low) && is_finite(high);
  const bool constant = finite && (low == high || state.even);
  if (params.range != nullptr && blockIdx.x == 0 && threadIdx.x == 0)
    *params.range = {low, high, finite ? (constant ? SCORECAM_RANGE_CONSTANT : 0) : SCORECAM_RANGE_NON_FINITE, 0, 0};
  if (!(params.options & SCORECAM_COMBINE_MIN_MAX)) return;
  const float divisor = high - low + params.epsilon;
  const int64_t width = params.resize.width;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < params.resize.height * width;
       i += int64_t(gridDim.x) * blockDim.x) {
    float &value = params.out[i / width * params.out_row_stride + i % width * params.out_column_stride];
    value = constant ? 0 : (value - low) / divisor;
  }
}

}  // namespace cuda
}  // namespace scorecam
