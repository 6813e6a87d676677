// The saliency map: the weighted sum at h x w, upsampled once.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu/map_rows.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/plane_scan.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

std::vector<float> weighted_sum(const CombineRequest &request) {
  const scorecam_tensor &activations = request.activations;
  const int64_t channels = activations.sizes[0], height = activations.sizes[1], width = activations.sizes[2];
  const Elements values = elements(activations);
  std::vector<float> sum(static_cast<std::size_t>(height * width));
  std::vector<double> totals(sum.size());
  const int threads = thread_count(height, channels * height * width);
  parallel(threads, height, [&](int64_t begin, int64_t end, int) {
    for (int64_t k = 0; k < channels; ++k) {
      const double weight = request.weights[k];
      for (int64_t y = begin; y < end; ++y) {
        const int64_t offset = k * activations.strides[0] + y * activations.strides[1];
        double *total = totals.data() + y * width;
        for (int64_t x = 0; x < width; ++x)
          total[x] += weight * static_cast<double>(values[offset + x * activations.strides[2]]);
      }
    }
    for (int64_t i = begin * width; i < end * width; ++i)
      sum[static_cast<std::size_t>(i)] = static_cast<float>(totals[static_cast<std::size_t>(i)]);
  });
  return sum;
}

}  // namespace

void combine(const CombineRequest &request, const RowKernels &kernels) {
  const int64_t height = request.out.sizes[0], width = request.out.sizes[1];
  const Axis y(request.upsampling, request.activations.sizes[1], height);
  const Axis x(request.upsampling, request.activations.sizes[2], width);
  const std::vector<float> sum = weighted_sum(request);
  const int threads = thread_count(height, height * width * element_size(SCORECAM_DTYPE_FLOAT32));
  const int64_t map_floats = MapRows::scratch_floats(x);
  const Scratch scratch(threads, map_floats + x.padded_out);
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> lows(static_cast<std::size_t>(threads), infinity), highs(lows.size(), -infinity);
  float *const out = static_cast<float *>(request.out.data);
  const int64_t row_stride = request.out.strides[0], column_stride = request.out.strides[1];

  parallel(threads, height, [&](int64_t begin, int64_t end, int thread) {
    float *row = scratch.piece(thread) + map_floats;
    MapRows map(kernels, y, x, scratch.piece(thread));
    map.open(sum.data());
    float low = infinity, high = -infinity;
    for (int64_t target = begin; target < end; ++target) {
      map.seek(target);
      kernels.mix_row(map.rows(), map.weights(), y.taps, x.padded_out, row);
      for (int64_t i = 0; i < width; ++i) {
        float value = row[i];
        // As torch's relu: a NaN stays.
        if ((request.options & SCORECAM_COMBINE_RELU) && value < 0) value = 0;
        if (low == low) fold_range(value, low, high);
        out[target * row_stride + i * column_stride] = value;
      }
    }
    lows[static_cast<std::size_t>(thread)] = low;
    highs[static_cast<std::size_t>(thread)] = high;
  });

  float min = infinity, max = -infinity;
  for (std::size_t thread = 0; thread < lows.size(); ++thread) {
    if (lows[thread] < min || std::isnan(lows[thread])) min = lows[thread];
    if (highs[thread] > max || std::isnan(highs[thread])) max = highs[thread];
  }
  const bool finite = std::isfinite(min) && std::isfinite(max);
  const bool constant = finite && (min == max || all_equal(sum));
  if (request.range != nullptr)
    *request.range = {min, max, !finite ? SCORECAM_RANGE_NON_FINITE : constant ? SCORECAM_RANGE_CONSTANT : 0, 0, 0};
  if (!(request.options & SCORECAM_COMBINE_MIN_MAX)) return;
  const float divisor = max - min + request.epsilon;
  parallel(threads, height, [&](int64_t begin, int64_t end, int) {
    for (int64_t target = begin; target < end; ++target)
      for (int64_t i = 0; i < width; ++i) {
        float &value = out[target * row_stride + i * column_stride];
        value = constant ? 0 : (value - min) / divisor;
      }
  });
}

}  // namespace scorecam
