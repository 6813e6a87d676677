// Minimum and maximum of every upsampled channel, without storing it.
#include <limits>

#include "cpu/map_rows.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/plane_scan.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

void range_of_finite(MapRows &map, const RowKernels &kernels, const Axis &y, const Axis &x, scorecam_range &range) {
  float lo[kRowPad], hi[kRowPad];
  for (int64_t lane = 0; lane < kRowPad; ++lane) {
    lo[lane] = std::numeric_limits<float>::infinity();
    hi[lane] = -lo[lane];
  }
  for (int64_t target = 0; target < y.out; ++target) {
    map.seek(target);
    kernels.range_row(map.rows(), map.weights(), y.taps, x.padded_out, lo, hi);
  }
  range.min = lo[0];
  range.max = hi[0];
  for (int64_t lane = 1; lane < kRowPad; ++lane) {
    fold_range(lo[lane], range.min, range.max);
    fold_range(hi[lane], range.min, range.max);
  }
}

// Vector minima lose NaNs; such channels are rare and may take their time.
void range_of_any(MapRows &map, const RowKernels &kernels, const Axis &y, const Axis &x, float *row,
                  scorecam_range &range) {
  range.min = std::numeric_limits<float>::infinity();
  range.max = -range.min;
  for (int64_t target = 0; target < y.out; ++target) {
    map.seek(target);
    kernels.mix_row(map.rows(), map.weights(), y.taps, x.padded_out, row);
    for (int64_t i = 0; i < x.out; ++i) {
      if (range.min != range.min) return;
      fold_range(row[i], range.min, range.max);
    }
  }
}

}  // namespace

void channel_range(const RangeRequest &request, const RowKernels &kernels) {
  const scorecam_tensor &activations = request.activations;
  const Axis y(request.masking.upsampling, activations.sizes[1], request.height);
  const Axis x(request.masking.upsampling, activations.sizes[2], request.width);
  const int64_t channels = activations.sizes[0];
  const int threads = thread_count(channels, channels * request.height * request.width);
  const int64_t map_floats = MapRows::scratch_floats(x);
  const Scratch scratch(threads, map_floats + x.padded_out);

  parallel(threads, channels, [&](int64_t begin, int64_t end, int thread) {
    float *piece = scratch.piece(thread);
    MapRows map(kernels, y, x, piece);
    for (int64_t k = begin; k < end; ++k) {
      const PlaneScan scan = scan_plane(activations, k);
      scorecam_range &range = request.ranges[k];
      range = {scan.min, scan.max, scan.flags, 0, scan.hash};
      if ((scan.flags & SCORECAM_RANGE_CONSTANT) || request.masking.normalisation == SCORECAM_NORMALISE_BEFORE)
        continue;
      map.open(activations, k);
      if (scan.flags & SCORECAM_RANGE_NON_FINITE)
        range_of_any(map, kernels, y, x, piece + map_floats, range);
      else
        range_of_finite(map, kernels, y, x, range);
      // Cubic weights overshoot, so large finite values may overflow.
      if (!std::isfinite(range.min) || !std::isfinite(range.max)) range.flags |= SCORECAM_RANGE_NON_FINITE;
    }
  });
}

}  // namespace scorecam
