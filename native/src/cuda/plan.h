// What the kernels are given: plain structures, built on the host from checked requests.
#pragma once

#include <cstdint>

#include "common/request.h"
#include "common/resample.h"

namespace scorecam {
namespace cuda {

constexpr int kThreads = 256;
// Shared memory of a block: little enough that several blocks fit on a multiprocessor of any generation.
constexpr int64_t kSharedFloats = 6 * 1024;
constexpr int kMaxTileRows = 32;

SCORECAM_SHARED int64_t padded_to_vectors(int64_t floats) { return (floats + 3) / 4 * 4; }

struct Resize {
  int32_t upsampling;
  int32_t taps;
  int64_t map_height, map_width, height, width;
  float scale_y, scale_x;
};

// An image is cut into tiles of whole rows, or of parts of one row if a row is too long: the pixels of a tile are
// consecutive in memory either way.
struct Tiling {
  int32_t rows, columns;
  int32_t source_rows;  // of the map, needed by any one tile
  int64_t across, down;  // number of tiles
};

Resize resize_of(int32_t upsampling, int64_t map_height, int64_t map_width, int64_t height, int64_t width);

// For tiles that keep `floats_per_pixel` floats in shared memory besides the upsampled map rows; throws Failure if
// not one pixel fits.
Tiling tiling_of(const Resize &resize, int64_t floats_per_pixel);

// Bytes of shared memory for such tiles, see Tile in device.cuh.
int64_t shared_bytes(const Tiling &tiling, int64_t floats_per_pixel);

struct MapSource {
  const void *data;
  int32_t dtype;
  int64_t row_stride, column_stride;
};

// Of a chunk row.
struct RowParams {
  const void *map;              // null: zeros
  const scorecam_range *range;  // on the device
};

struct MaskedBatchParams {
  Resize resize;
  Tiling tiling;
  int32_t normalise_before;
  float epsilon;
  int64_t channels;
  int32_t channels_last;
  int32_t rows_per_block;
  int64_t rows;
  int64_t sample_stride;
  const void *image;
  int32_t image_dtype, map_dtype;
  int64_t image_strides[3];
  int64_t map_row_stride, map_column_stride;
  void *out;
};

// Kernel arguments, so that a launch needs no memory on the device. The small one is what most chunks need.
template <int Rows>
struct MaskedBatchArguments {
  static constexpr int kRows = Rows;
  MaskedBatchParams params;
  RowParams rows[Rows];
};
using SmallArguments = MaskedBatchArguments<192>;
using LargeArguments = MaskedBatchArguments<1920>;
static_assert(sizeof(SmallArguments) <= 4096, "kernel arguments of any CUDA version");
static_assert(sizeof(LargeArguments) <= 32764, "kernel arguments of CUDA 12.1");

// Fills arguments with as many chunk rows from `first` on as fit, and returns the number of the first that does not.
template <class Arguments>
int64_t fill_rows(const MaskedBatchRequest &request, int64_t first, Arguments &arguments) {
  const scorecam_tensor &maps = request.source.activations;
  int64_t row = first;
  for (; row < request.rows && row - first < Arguments::kRows; ++row) {
    const int64_t k = request.row_channels[row];
    RowParams &params = arguments.rows[row - first];
    params = {nullptr, nullptr};
    if (k == SCORECAM_CHANNEL_NONE) continue;
    params.map = static_cast<const char *>(maps.data) + k * maps.strides[0] * element_size(maps.dtype);
    params.range = request.source.ranges + k;
  }
  arguments.params.rows = row - first;
  arguments.params.out = request.out + first * request.sample_stride * element_size(request.out_dtype);
  return row;
}

// All but the rows. `multiprocessors` of the device: so many rows share a block, and the image tile it holds, as leave
// the device enough blocks.
MaskedBatchParams masked_batch_params(const MaskedBatchRequest &request, int64_t multiprocessors);

struct RangeParams {
  Resize resize;
  Tiling tiling;
  int32_t normalise_before;
  const void *maps;
  int32_t dtype;
  int64_t channel_stride, row_stride, column_stride;
  scorecam_range *ranges;
};
RangeParams range_params(const RangeRequest &request);

}  // namespace cuda
}  // namespace scorecam
