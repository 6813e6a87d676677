// The bodies of the stem's kernels, written once over vectors of floats and included by one file per instruction set.

#include <cstdint>

#include "cpu/stem_kernels.h"
#include "cpu/vectors.inl"

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

// So many vectors of channels of so many rows at once: a response is read for all rows, a value for all vectors.
template <int kRows, int kVectors>
inline void stem_channels(const StemRun &run, const float *values, float *const *out, int64_t pixel, int64_t channel,
                          int64_t count) {
  const int64_t at = pixel * run.channels + channel;
  Floats sums[kRows][kVectors];
  UNROLLED
  for (int v = 0; v < kVectors; ++v) {
    const Floats bias = load_some(run.bias + channel + v * kLanes, count - v * kLanes);
    UNROLLED
    for (int r = 0; r < kRows; ++r) sums[r][v] = bias;
  }
  for (int64_t i = 0; i < run.cells; ++i) {
    UNROLLED
    for (int v = 0; v < kVectors; ++v) {
      const Floats response = load_some(run.responses[i] + at + v * kLanes, count - v * kLanes);
      UNROLLED
      for (int r = 0; r < kRows; ++r) sums[r][v] += values[i * kStemRows + r] * response;
    }
  }
  const Floats lowest = Floats{} + run.lowest, highest = Floats{} + run.highest;
  UNROLLED
  for (int r = 0; r < kRows; ++r) {
    UNROLLED
    for (int v = 0; v < kVectors; ++v) {
      // This way round a NaN stays one.
      Floats sum = sums[r][v] < lowest ? lowest : sums[r][v];
      sum = sum > highest ? highest : sum;
      store_some(out[r] + at + v * kLanes, sum, count - v * kLanes);
    }
  }
}

template <int kRows>
inline void stem_rows(const StemRun &run, const float *values, float *const *out) {
  // As many sums as there are registers for beside a response and a value.
  constexpr int kVectors = 2;
  constexpr int64_t kWhole = kVectors * kLanes;
  for (int64_t pixel = 0; pixel < run.pixels; ++pixel) {
    int64_t channel = 0;
    for (; channel + kWhole <= run.channels; channel += kWhole)
      stem_channels<kRows, kVectors>(run, values, out, pixel, channel, kWhole);
    for (; channel < run.channels; channel += kLanes)
      stem_channels<kRows, 1>(run, values, out, pixel, channel, run.channels - channel);
  }
}

}  // namespace

void stem_run(const StemRun &run) {
  if (run.rows == kStemRows) {
    stem_rows<kStemRows>(run, run.values, run.out);
    return;
  }
  for (int64_t row = 0; row < run.rows; ++row) stem_rows<1>(run, run.values + row, run.out + row);
}

#define INITIALISE(name, parameters) name,
const StemKernels stem_kernels = {SCORECAM_STEM_KERNELS(INITIALISE)};
#undef INITIALISE

}  // namespace SCORECAM_ISA
}  // namespace scorecam
