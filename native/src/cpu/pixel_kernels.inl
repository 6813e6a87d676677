// The bodies of the kernels over pixels, written once over vectors of floats and included by one file per instruction
// set.

#include <cstdint>
#include <type_traits>

#include "cpu/activations.inl"
#include "cpu/pixel_kernels.h"
#include "cpu/pointwise_weight.h"
#include "cpu/vectors.inl"

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

// Registers hold kPixels x kVectors sums, kVectors vectors of weights and a value.
#if defined(__AVX512F__)
constexpr int kPixels = 14, kVectors = 2;
#elif defined(__aarch64__)
constexpr int kPixels = 6, kVectors = 4;
#else
constexpr int kPixels = 6, kVectors = 2;
#endif

// Outputs of a filtered row that are summed up at once.
constexpr int kRun = 8;

// Vectors of channels that are kept within bounds at once, and that are summed up.
constexpr int kBounded = 2, kSummed = 4;

// What is left of a row goes in strips of so many, and single pixels.
constexpr int kRest = 4;

static_assert(pointwise_weight::kPanel % (kVectors * kLanes) == 0, "panels hold whole groups of vectors");

// Calls `work` with strips that cover the pixels: their first pixel, and how many they are. The last of several may
// begin before the one ahead of it ends; what both compute is the same.
template <int Longest, class Work>
inline void in_strips(int64_t pixels, Work &&work) {
  int64_t pixel = 0;
  for (; pixel + Longest <= pixels; pixel += Longest) work(pixel, std::integral_constant<int, Longest>());
  if (pixels >= Longest && pixels - pixel > kRest)
    return work(pixels - Longest, std::integral_constant<int, Longest>());
  for (; pixels - pixel > kRest; pixel += kRest) work(pixel, std::integral_constant<int, kRest>());
  if (pixel < pixels && pixels >= kRest) return work(pixels - kRest, std::integral_constant<int, kRest>());
  for (; pixel < pixels; ++pixel) work(pixel, std::integral_constant<int, 1>());
}

// Channels `first` to `first + Vectors` vectors of all pixels.
template <int Vectors>
inline void bounded_of(const BoundedRun &run, int64_t first) {
  Floats least[Vectors], most[Vectors];
  UNROLLED
  for (int v = 0; v < Vectors; ++v) {
    least[v] = load_some(run.least + first + v * kLanes, run.channels - first - v * kLanes);
    most[v] = load_some(run.most + first + v * kLanes, run.channels - first - v * kLanes);
  }
  for (int64_t p = 0; p < run.pixels; ++p) {
    const float *from = run.values + p * run.value_stride + first;
    float *to = run.out + p * run.out_stride + first;
    UNROLLED
    for (int v = 0; v < Vectors; ++v) {
      const int64_t rest = run.channels - first - v * kLanes;
      // This way round a NaN stays one.
      store_some(to + v * kLanes, smaller(most[v], larger(least[v], load_some(from + v * kLanes, rest))), rest);
    }
  }
}

// Of all pixels together, apart from what is there already: the sum of few numbers at a time is rounded less.
template <int Vectors>
inline void summed_of(const SumRun &run, int64_t first) {
  Floats sums[Vectors] = {};
  for (int64_t p = 0; p < run.pixels; ++p) {
    const float *from = run.values + p * run.value_stride + first;
    UNROLLED
    for (int v = 0; v < Vectors; ++v) sums[v] += load_some(from + v * kLanes, run.channels - first - v * kLanes);
  }
  UNROLLED
  for (int v = 0; v < Vectors; ++v) {
    const int64_t rest = run.channels - first - v * kLanes;
    float *to = run.sums + first + v * kLanes;
    store_some(to, load_some(to, rest) + sums[v], rest);
  }
}

// Outputs `first` to `first + Vectors` vectors of Pixels pixels.
template <int Pixels, int Vectors, class Activation>
void pointwise_of(const PointwiseRun &run, int64_t pixel, int64_t first, const Activation &activation) {
  using pointwise_weight::kPanel;
  const float *weights = run.weights + pointwise_weight::column(first, run.inputs);
  const float *values = run.values + pixel * run.value_stride;
  Floats sums[Pixels][Vectors];
  UNROLLED
  for (int p = 0; p < Pixels; ++p) {
    UNROLLED
    for (int v = 0; v < Vectors; ++v) sums[p][v] = load(run.bias + first + v * kLanes);
  }
  for (int64_t i = 0; i < run.inputs; ++i, weights += kPanel) {
    Floats columns[Vectors];
    UNROLLED
    for (int v = 0; v < Vectors; ++v) columns[v] = load(weights + v * kLanes);
    UNROLLED
    for (int p = 0; p < Pixels; ++p) {
      const float value = values[p * run.value_stride + i];
      UNROLLED
      for (int v = 0; v < Vectors; ++v) sums[p][v] += value * columns[v];
    }
  }
  int64_t column = pixel % run.row, skipped = pixel / run.row * run.gap;
  UNROLLED
  for (int p = 0; p < Pixels; ++p, ++column) {
    if (column == run.row) {
      column = 0;
      skipped += run.gap;
    }
    const int64_t at = (pixel + p) * run.out_stride + skipped + first;
    UNROLLED
    for (int v = 0; v < Vectors; ++v) {
      const int64_t rest = run.outputs - first - v * kLanes;
      Floats y = activation(sums[p][v]);
      if (run.residual != nullptr) y += load_some(run.residual + at + v * kLanes, rest);
      store_some(run.out + at + v * kLanes, y, rest);
    }
  }
}

template <int Vectors, class Activation>
inline void pointwise_columns(const PointwiseRun &run, int64_t first, const Activation &activation) {
  in_strips<kPixels>(run.pixels, [&](int64_t pixel, auto pixels) {
    pointwise_of<pixels(), Vectors>(run, pixel, first, activation);
  });
}

// Pixels `pixel` to `pixel + Pixels`, all channels.
template <int Side, int Stride, int Pixels, class Activation>
void depthwise_of(const DepthwiseRun &run, int64_t pixel, const Activation &activation) {
  for (int64_t channel = 0; channel < run.channels; channel += kLanes) {
    Floats sums[Pixels];
    UNROLLED
    for (int p = 0; p < Pixels; ++p) sums[p] = load(run.bias + channel);
    for (int r = 0; r < Side; ++r) {
      Floats weights[Side];
      UNROLLED
      for (int s = 0; s < Side; ++s) weights[s] = load(run.filter + (r * Side + s) * run.pixel_stride + channel);
      const float *from = run.rows[r] + pixel * Stride * run.pixel_stride + channel;
      UNROLLED
      for (int x = 0; x < (Pixels - 1) * Stride + Side; ++x) {
        const Floats value = load(from + x * run.pixel_stride);
        UNROLLED
        for (int p = 0; p < Pixels; ++p)
          if (x >= p * Stride && x < p * Stride + Side) sums[p] += value * weights[x - p * Stride];
      }
    }
    float *to = run.out + pixel * run.out_stride + channel;
    UNROLLED
    for (int p = 0; p < Pixels; ++p) store_some(to + p * run.out_stride, activation(sums[p]), run.channels - channel);
  }
}

template <int Side, int Stride, class Activation>
inline void depthwise_row(const DepthwiseRun &run, const Activation &activation) {
  in_strips<kRun>(run.pixels, [&](int64_t pixel, auto pixels) {
    depthwise_of<Side, Stride, pixels()>(run, pixel, activation);
  });
}

}  // namespace

void bounded(const BoundedRun &run) {
  int64_t channel = 0;
  for (; channel + kBounded * kLanes <= run.channels; channel += kBounded * kLanes) bounded_of<kBounded>(run, channel);
  for (; channel < run.channels; channel += kLanes) bounded_of<1>(run, channel);
}

void summed(const SumRun &run) {
  int64_t channel = 0;
  for (; channel + kSummed * kLanes <= run.channels; channel += kSummed * kLanes) summed_of<kSummed>(run, channel);
  for (; channel < run.channels; channel += kLanes) summed_of<1>(run, channel);
}

void pooled(const PoolRun &run) {
  const bool whole = run.channels >= kLanes;
  for (int64_t channel = 0; channel < run.channels; channel += kLanes) {
    // The last vector begins before the one ahead of it ends, rather than being filled in part.
    const int64_t first = whole && channel + kLanes > run.channels ? run.channels - kLanes : channel;
    const int64_t rest = run.channels - first;
    Floats largest = Floats{} - __builtin_inff();
    for (int64_t r = 0; r < run.rows; ++r)
      for (int64_t s = 0; s < run.columns; ++s) {
        const Floats value = load_some(run.values + r * run.row_stride + s * run.channels + first, rest);
        largest = (value > largest) | (value != value) ? value : largest;
      }
    store_some(run.largest + first, largest, rest);
  }
}

void scaled(const ScaleRun &run) {
  for (int64_t p = 0; p < run.pixels; ++p) {
    float *const values = run.values + p * run.value_stride;
    for (int64_t channel = 0; channel < run.channels; channel += kLanes) {
      const int64_t rest = run.channels - channel;
      store_some(values + channel, load_some(values + channel, rest) * load_some(run.factors + channel, rest), rest);
    }
  }
}

void pointwise(const PointwiseRun &run) {
  with_activation(run.activation, [&](const auto &activation) {
    int64_t first = 0;
    for (; first + kVectors * kLanes <= run.outputs; first += kVectors * kLanes)
      pointwise_columns<kVectors>(run, first, activation);
    for (; first < run.outputs; first += kLanes) pointwise_columns<1>(run, first, activation);
  });
}

void depthwise(const DepthwiseRun &run) {
  with_activation(run.activation, [&](const auto &activation) {
    if (run.side == 3)
      run.stride == 1 ? depthwise_row<3, 1>(run, activation) : depthwise_row<3, 2>(run, activation);
    else
      run.stride == 1 ? depthwise_row<5, 1>(run, activation) : depthwise_row<5, 2>(run, activation);
  });
}

#define INITIALISE(name, parameters) name,
const PixelKernels pixel_kernels = {SCORECAM_PIXEL_KERNELS(INITIALISE)};
#undef INITIALISE

}  // namespace SCORECAM_ISA
}  // namespace scorecam
