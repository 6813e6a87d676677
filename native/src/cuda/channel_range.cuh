// Range, flags and hash: a block per channel looks at the map, then upsamples it tile by tile.
#pragma once

#include "cuda/device.cuh"

namespace scorecam {
namespace cuda {

struct Scan {
  Extent extent;
  int32_t finite, even;
  uint64_t hash;
};

struct MergeScans {
  __device__ Scan operator()(const Scan &a, const Scan &b) const {
    return {MergeExtents()(a.extent, b.extent), a.finite & b.finite, a.even & b.even, a.hash + b.hash};
  }
};

// Grid: channels, as many as fit, in turn.
__global__ void __launch_bounds__(kThreads) channel_range_kernel(const RangeParams params, int64_t channels) {
  SCORECAM_SHARED_MEMORY(shared);
#if defined(__CUDACC__)
  __shared__ Scan scans[kThreads];
#else
  Scan *const scans = shared_scans;
#endif
  const Resize &resize = params.resize;
  for (int64_t k = blockIdx.x; k < channels; k += gridDim.x) {
    const char *const data = static_cast<const char *>(params.maps) +
                             k * params.channel_stride * (params.dtype == SCORECAM_DTYPE_FLOAT32 ? 4 : 2);
    const MapSource map = {data, params.dtype, params.row_stride, params.column_stride};
    const float first = load_element(data, params.dtype, 0);
    Scan scan = {Extent::none(), 1, 1, 0};
    for (int64_t i = threadIdx.x; i < resize.map_height * resize.map_width; i += blockDim.x) {
      const float value = load_element(
          data, params.dtype, i / resize.map_width * params.row_stride + i % resize.map_width * params.column_stride);
      scan.extent.add(value);
      scan.finite &= is_finite(value);
      scan.even &= value == first;
      scan.hash += hash_term(i, value);
    }
    scan = block_reduce(scan, scans, MergeScans());
    Extent extent = scan.extent;
    const bool constant = scan.finite && scan.even;
    if (!constant && !params.normalise_before) {
      extent = Extent::none();
      for (int64_t index = 0; index < params.tiling.across * params.tiling.down; ++index) {
        Tile tile(resize, params.tiling, index, shared, 0);
        __syncthreads();
        tile.find_taps(resize);
        tile.expand(resize, map, nullptr);
        __syncthreads();
        for (int32_t i = threadIdx.x; i < tile.rows * tile.columns; i += blockDim.x)
          extent.add(tile.at(resize, i / tile.columns, i % tile.columns));
      }
      scan.extent = extent;
      extent = block_reduce(scan, scans, MergeScans()).extent;
    }
    if (threadIdx.x == 0) {
      scorecam_range &range = params.ranges[k];
      range.min = extent.any_nan ? not_a_number() : extent.low;
      range.max = extent.any_nan ? not_a_number() : extent.high;
      const bool finite = scan.finite && is_finite(range.min) && is_finite(range.max);
      range.flags = constant ? SCORECAM_RANGE_CONSTANT : finite ? 0 : SCORECAM_RANGE_NON_FINITE;
      range.reserved = 0;
      range.hash = scan.hash;
    }
  }
}

}  // namespace cuda
}  // namespace scorecam
