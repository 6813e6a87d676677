#include "cuda/plan.h"

#include <algorithm>
#include <cinttypes>

#include "common/failure.h"

namespace scorecam {
namespace cuda {
namespace {

// The most map rows that any tile of so many image rows reads. Sources never go back from one row to the next.
int64_t source_rows_of(const Resize &resize, int64_t rows) {
  int64_t most = 0;
  for (int64_t begin = 0; begin < resize.height; begin += rows) {
    const int64_t end = std::min(begin + rows, resize.height);
    const Taps first = taps_at(resize.upsampling, resize.map_height, resize.height, resize.scale_y, begin);
    const Taps last = taps_at(resize.upsampling, resize.map_height, resize.height, resize.scale_y, end - 1);
    most = std::max(most, last.index[resize.taps - 1] - first.index[0] + 1);
  }
  return most;
}

int64_t floats_of(int64_t rows, int64_t columns, int64_t source_rows, int64_t floats_per_pixel) {
  // With room for padding image and mask to vectors, and the taps of each row.
  return rows * columns * floats_per_pixel + source_rows * columns + 8 + rows * 2 * kMaxTaps;
}

}  // namespace

Resize resize_of(int32_t upsampling, int64_t map_height, int64_t map_width, int64_t height, int64_t width) {
  return {upsampling,
          tap_count(upsampling),
          map_height,
          map_width,
          height,
          width,
          source_scale(upsampling, map_height, height),
          source_scale(upsampling, map_width, width)};
}

Tiling tiling_of(const Resize &resize, int64_t floats_per_pixel) {
  // One row alone reads `taps` neighbouring map rows at most.
  const int64_t one = source_rows_of(resize, 1);
  const int64_t fitting = (kSharedFloats - 8 - 2 * kMaxTaps) / (floats_per_pixel + one);
  if (fitting < 1)
    fail(SCORECAM_STATUS_UNSUPPORTED, "an image of more than %" PRId64 " channels does not fit into shared memory",
         kSharedFloats - 8 - 2 * kMaxTaps - one - 1);
  Tiling tiling{1, 1, static_cast<int32_t>(one), 1, resize.height};
  if (fitting < resize.width) {
    // Whole vectors of any type, where that leaves something.
    tiling.columns = static_cast<int32_t>(fitting >= 8 ? fitting / 8 * 8 : fitting);
    tiling.across = (resize.width + tiling.columns - 1) / tiling.columns;
    return tiling;
  }
  tiling.columns = static_cast<int32_t>(resize.width);
  for (int64_t rows = 2; rows <= std::min<int64_t>(kMaxTileRows, resize.height); ++rows) {
    const int64_t source_rows = source_rows_of(resize, rows);
    if (floats_of(rows, resize.width, source_rows, floats_per_pixel) > kSharedFloats) break;
    tiling.rows = static_cast<int32_t>(rows);
    tiling.source_rows = static_cast<int32_t>(source_rows);
  }
  tiling.down = (resize.height + tiling.rows - 1) / tiling.rows;
  return tiling;
}

int64_t shared_bytes(const Tiling &tiling, int64_t floats_per_pixel) {
  return floats_of(tiling.rows, tiling.columns, tiling.source_rows, floats_per_pixel) *
         static_cast<int64_t>(sizeof(float));
}

MaskedBatchParams masked_batch_params(const MaskedBatchRequest &request, int64_t multiprocessors) {
  MaskedBatchParams params{};
  params.resize = resize_of(request.masking.upsampling, request.map_height, request.map_width, request.height,
                            request.width);
  params.tiling = tiling_of(params.resize, request.channels + 1);
  params.normalise_before = request.masking.normalisation == SCORECAM_NORMALISE_BEFORE;
  params.epsilon = request.masking.epsilon;
  params.channels = request.channels;
  params.channels_last = request.channels_last;
  params.sample_stride = request.sample_stride;
  const scorecam_tensor &image = request.source.image, &maps = request.source.activations;
  params.image = image.data;
  params.image_dtype = image.dtype;
  params.map_dtype = maps.dtype;
  for (int i = 0; i < 3; ++i) params.image_strides[i] = image.strides[i];
  params.map_row_stride = maps.strides[1];
  params.map_column_stride = maps.strides[2];
  const int64_t blocks = params.tiling.across * params.tiling.down * request.rows;
  params.rows_per_block = static_cast<int32_t>(std::clamp<int64_t>(blocks / (16 * multiprocessors), 1, 8));
  return params;
}

RangeParams range_params(const RangeRequest &request) {
  const scorecam_tensor &maps = request.activations;
  RangeParams params{};
  params.resize = resize_of(request.masking.upsampling, maps.sizes[1], maps.sizes[2], request.height, request.width);
  params.tiling = tiling_of(params.resize, 0);
  params.normalise_before = request.masking.normalisation == SCORECAM_NORMALISE_BEFORE;
  params.maps = maps.data;
  params.dtype = maps.dtype;
  params.channel_stride = maps.strides[0];
  params.row_stride = maps.strides[1];
  params.column_stride = maps.strides[2];
  params.ranges = request.ranges;
  return params;
}

}  // namespace cuda
}  // namespace scorecam
