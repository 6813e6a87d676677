// The bodies of the Winograd kernels, written once over vectors of floats and included by one file per instruction
// set.

#include <cstdint>

#include "cpu/vectors.inl"
#include "cpu/winograd.h"
#include "cpu/winograd_kernels.h"

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

using namespace winograd;

static_assert(kBlock % kLanes == 0 && kPanel % kLanes == 0, "blocks and panels hold whole vectors");

constexpr float kA = kPointA, kB = kPointB, kA2 = kA * kA, kB2 = kB * kB;

// B' d: row p holds the coefficients of the product of x - q over the finite points q other than p, and the last row
// those of the product over all. Points of opposite signs share their even and odd parts.
inline void transform_input(const Floats (&d)[kSide], Floats (&out)[kSide]) {
  const Floats even_a = d[4] - kB2 * d[2], odd_a = d[3] - kB2 * d[1];
  const Floats even_b = d[4] - kA2 * d[2], odd_b = d[3] - kA2 * d[1];
  out[0] = (d[4] - (kA2 + kB2) * d[2]) + kA2 * kB2 * d[0];
  out[1] = even_a + kA * odd_a;
  out[2] = even_a - kA * odd_a;
  out[3] = even_b + kB * odd_b;
  out[4] = even_b - kB * odd_b;
  out[5] = (d[5] - (kA2 + kB2) * d[3]) + kA2 * kB2 * d[1];
}

// A' m: row y holds the powers y of the points.
inline void transform_output(const Floats (&m)[kSide], Floats (&out)[kTile]) {
  const Floats even_a = m[1] + m[2], odd_a = m[1] - m[2];
  const Floats even_b = m[3] + m[4], odd_b = m[3] - m[4];
  out[0] = m[0] + even_a + even_b;
  out[1] = kA * odd_a + kB * odd_b;
  out[2] = kA2 * even_a + kB2 * even_b;
  out[3] = m[5] + kA2 * kA * odd_a + kB2 * kB * odd_b;
}

// Registers hold kTiles x kColumns sums, kColumns vectors of weights and a value.
#if defined(__AVX512F__)
constexpr int kTiles = 14, kColumns = 2;
#elif defined(__aarch64__)
constexpr int kTiles = 6, kColumns = 4;
#else
constexpr int kTiles = 6, kColumns = 2;
#endif

// Fetches in as many equal steps as there are.
class Fetch {
 public:
  Fetch(const Ahead &ahead, int64_t steps)
      : next_(ahead.begin), end_(ahead.end), step_(((ahead.end - ahead.begin) / kLine + steps) / steps * kLine) {}

  void step() {
    const float *const stop = end_ - next_ < step_ ? end_ : next_ + step_;
    for (; next_ < stop; next_ += kLine) __builtin_prefetch(next_, 0, 2);
  }

 private:
  static constexpr int64_t kLine = 16;  // floats of a line of the cache
  const float *next_, *end_;
  int64_t step_;
};

template <int Tiles>
void product_of(const float *values, int64_t block_stride, int64_t blocks, const float *matrix,
                const Ahead (*ahead)[2], float *products) {
  constexpr Ahead none = {nullptr, nullptr};
  Fetch first(ahead ? (*ahead)[0] : none, blocks), second(ahead ? (*ahead)[1] : none, blocks);
  for (int64_t o = 0; o < kPanel; o += kColumns * kLanes) {
    Floats sums[Tiles][kColumns] = {};
    const float *weights = matrix + o;
    for (int64_t b = 0; b < blocks; ++b) {
      if (ahead) {
        first.step();
        second.step();
      }
      for (int64_t i = 0; i < kBlock; ++i, weights += kPanel) {
        const float *value = values + b * block_stride + i;
        Floats columns[kColumns];
        UNROLLED
        for (int c = 0; c < kColumns; ++c) columns[c] = load(weights + c * kLanes);
        UNROLLED
        for (int t = 0; t < Tiles; ++t) {
          UNROLLED
          for (int c = 0; c < kColumns; ++c) sums[t][c] += value[t * kBlock] * columns[c];
        }
      }
    }
    UNROLLED
    for (int t = 0; t < Tiles; ++t) {
      UNROLLED
      for (int c = 0; c < kColumns; ++c) store(products + t * kTileProducts + o + c * kLanes, sums[t][c]);
    }
  }
}

// As many tiles as there are at run time, up to Tiles.
template <int Tiles>
inline void product_up_to(int64_t tiles, const float *values, int64_t block_stride, int64_t blocks,
                          const float *matrix, const Ahead (*ahead)[2], float *products) {
  if constexpr (Tiles > 0) {
    if (tiles == Tiles)
      product_of<Tiles>(values, block_stride, blocks, matrix, ahead, products);
    else
      product_up_to<Tiles - 1>(tiles, values, block_stride, blocks, matrix, ahead, products);
  }
}

}  // namespace

void winograd_input(const float *const *pixels, int64_t channels, int64_t block_stride, int64_t frequency_stride,
                    float *out) {
  for (int64_t channel = 0; channel < padded(channels); channel += kLanes) {
    const int64_t rest = channels - channel;
    Floats half[kSide][kSide];  // of columns
    for (int x = 0; x < kSide; ++x) {
      Floats column[kSide], transformed[kSide];
      UNROLLED
      for (int y = 0; y < kSide; ++y)
        column[y] = rest >= kLanes ? load(pixels[kSide * y + x] + channel)
                                   : load_some(pixels[kSide * y + x] + channel, rest);
      transform_input(column, transformed);
      UNROLLED
      for (int y = 0; y < kSide; ++y) half[y][x] = transformed[y];
    }
    float *to = out + channel / kBlock * block_stride + channel % kBlock;
    for (int y = 0; y < kSide; ++y) {
      Floats transformed[kSide];
      transform_input(half[y], transformed);
      UNROLLED
      for (int x = 0; x < kSide; ++x) store(to + (kSide * y + x) * frequency_stride, transformed[x]);
    }
  }
}

void winograd_product(const float *values, int64_t block_stride, int64_t blocks, const float *matrix, int64_t tiles,
                      const Ahead (*ahead)[2], float *products) {
  product_up_to<kTiles>(tiles, values, block_stride, blocks, matrix, ahead, products);
}

void winograd_output(const float *products, const float *bias, const float *residual, bool relu,
                     const int64_t *offsets, int64_t channels, float *output) {
  const float lowest = relu ? 0 : -__builtin_inff();
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    const int64_t rest = channels - channel;
    Floats half[kTile][kSide];  // of columns
    for (int x = 0; x < kSide; ++x) {
      Floats column[kSide], transformed[kTile];
      UNROLLED
      for (int y = 0; y < kSide; ++y) column[y] = load(products + (kSide * y + x) * kPanel + channel);
      transform_output(column, transformed);
      UNROLLED
      for (int y = 0; y < kTile; ++y) half[y][x] = transformed[y];
    }
    const Floats shift = bias ? load_some(bias + channel, rest) : Floats{};
    for (int y = 0; y < kTile; ++y) {
      Floats transformed[kTile];
      transform_output(half[y], transformed);
      UNROLLED
      for (int x = 0; x < kTile; ++x) {
        const int64_t offset = offsets[kTile * y + x];
        if (offset < 0) continue;
        Floats value = transformed[x] + shift;
        if (residual) value += load_some(residual + offset + channel, rest);
        // This way round a NaN stays one.
        value = value < lowest ? Floats{} : value;
        store_some(output + offset + channel, value, rest);
      }
    }
  }
}

#define INITIALISE(name, parameters) name,
const WinogradKernels winograd_kernels = {kTiles, SCORECAM_WINOGRAD_KERNELS(INITIALISE)};
#undef INITIALISE

}  // namespace SCORECAM_ISA
}  // namespace scorecam
