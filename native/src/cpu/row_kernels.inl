// The bodies of the row kernels, written once over vectors of floats and included by one file per instruction set.

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "common/half.h"
#include "cpu/row_kernels.h"
#include "cpu/vectors.inl"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace scorecam {
namespace SCORECAM_ISA {
namespace {

static_assert(kRowPad % kLanes == 0, "scratch rows hold whole vectors");

typedef int32_t Indices __attribute__((vector_size(kLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2)));
typedef uint16_t HalfPairs __attribute__((vector_size(kLanes * 4)));
// The same where memory is not aligned.
typedef int32_t LooseIndices __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef uint16_t LooseHalves __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));
typedef uint16_t LooseHalfPairs __attribute__((vector_size(kLanes * 4), aligned(2), may_alias));

inline Indices load(const int32_t *from) { return *reinterpret_cast<const LooseIndices *>(from); }

// Each type stores one vector of floats, or two next to each other, which is cheaper for the half types: narrowing
// two registers into one is a single shuffle, and the store is as wide as the registers.
struct Float32 {
  using Element = float;
  static void store(Element *to, Floats value) { SCORECAM_ISA::store(to, value); }
  static void store(Element *to, Floats first, Floats second) {
    store(to, first);
    store(to + kLanes, second);
  }
};

struct Bfloat16 {
  using Element = uint16_t;

  // The upper halves of the words are the result. NaNs are left as they are, lest rounding carry them into
  // infinity; a product's NaN is a quiet one, which its upper half shows.
  static Words round(Floats value) {
    const Words bits = reinterpret_cast<Words>(value);
    const Words rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    return value == value ? rounded : bits;
  }

  static void store(Element *to, Floats value) {
    *reinterpret_cast<LooseHalves *>(to) = __builtin_convertvector(round(value) >> 16, Halves);
  }
  static void store(Element *to, Floats first, Floats second) {
#if defined(__AVX512BF16__)
    const __m512bh narrow = _mm512_cvtne2ps_pbh(second, first);
    memcpy(to, &narrow, sizeof narrow);
#else
    store_upper(to, round(first), round(second), std::make_index_sequence<2 * kLanes>());
#endif
  }

 private:
  template <std::size_t... Lane>
  static void store_upper(Element *to, Words first, Words second, std::index_sequence<Lane...>) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    constexpr int upper = 0;
#else
    constexpr int upper = 1;
#endif
    const HalfPairs a = reinterpret_cast<HalfPairs>(first), b = reinterpret_cast<HalfPairs>(second);
#if defined(__clang__)
    *reinterpret_cast<LooseHalfPairs *>(to) = __builtin_shufflevector(a, b, (2 * static_cast<int>(Lane) + upper)...);
#else
    *reinterpret_cast<LooseHalfPairs *>(to) =
        __builtin_shuffle(a, b, HalfPairs{static_cast<uint16_t>(2 * Lane + upper)...});
#endif
  }
};

struct Float16 {
  using Element = uint16_t;
  static void store(Element *to, Floats value) {
#if defined(__AVX512F__)
    // The form without a mask makes GCC 12 warn of its own header.
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(to),
                        _mm512_maskz_cvtps_ph(0xffff, value, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
    _mm_storeu_si128(reinterpret_cast<__m128i *>(to), _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
#elif defined(__ARM_NEON)
    vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32(value)));
#else
    for (int lane = 0; lane < kLanes; ++lane) to[lane] = narrow_float16(value[lane]);
#endif
  }
  static void store(Element *to, Floats first, Floats second) {
    store(to, first);
    store(to + kLanes, second);
  }
};

// Vector `Part` of the `Channels` vectors in which each lane of `mask` stands `Channels` times in a row.
template <int Channels, int Part, std::size_t... Lane>
inline Floats spread(Floats mask, std::index_sequence<Lane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(mask, mask, ((Part * kLanes + static_cast<int>(Lane)) / Channels)...);
#else
  return __builtin_shuffle(mask, Indices{((Part * kLanes + static_cast<int>(Lane)) / Channels)...});
#endif
}

// The vectors of a step: two of mask values make 2 * Channels of the output, which are stored in pairs.
constexpr int kStep = 2 * kLanes;

struct Step {
  Floats mask[2];
};

template <int Channels, int Part>
inline Floats product(const Step &step, const float *image) {
  return load(image + Part * kLanes) *
         spread<Channels, Part % Channels>(step.mask[Part / Channels], std::make_index_sequence<kLanes>());
}

template <class Type, int Channels, int... Pair>
inline void multiply_pairs(const Step &step, const float *image, typename Type::Element *out,
                           std::integer_sequence<int, Pair...>) {
  (Type::store(out + 2 * Pair * kLanes, product<Channels, 2 * Pair>(step, image),
               product<Channels, 2 * Pair + 1>(step, image)),
   ...);
}

// Pixels of a fixed number of channels.
template <class Type, int Channels>
struct Fixed {
  static constexpr bool kSinglePlane = Channels > 1;

  static void multiply(const Step &step, const float *image, int64_t, typename Type::Element *out) {
    multiply_pairs<Type, Channels>(step, image, out, std::make_integer_sequence<int, Channels>());
  }

  // The last `pixels` of a row, fewer than kStep.
  static void multiply_end(const Step &step, const float *image, int64_t, int64_t pixels,
                           typename Type::Element *out) {
    float image_end[Channels * kStep] = {};
    typename Type::Element out_end[Channels * kStep];
    const std::size_t count = static_cast<std::size_t>(pixels * Channels);
    memcpy(image_end, image, count * sizeof(float));
    multiply(step, image_end, Channels, out_end);
    memcpy(out, out_end, count * sizeof out_end[0]);
  }
};

// Pixels of any number of channels: the mask is spread out through memory, a vector at a time.
template <class Type>
struct Any {
  static constexpr bool kSinglePlane = true;

  static void multiply(const Step &step, const float *image, int64_t channels, typename Type::Element *out) {
    multiply_end(step, image, channels, kStep, out);
  }

  static void multiply_end(const Step &step, const float *image, int64_t channels, int64_t pixels,
                           typename Type::Element *out) {
    float mask[kStep];
    Float32::store(mask, step.mask[0], step.mask[1]);
    const int64_t size = pixels * channels;
    int64_t pixel = 0, channel = 0;
    for (int64_t i = 0; i < size; i += kLanes) {
      const int64_t count = size - i < kLanes ? size - i : kLanes;
      float spread_mask[kLanes] = {}, image_part[kLanes] = {};
      for (int64_t lane = 0; lane < count; ++lane) {
        spread_mask[lane] = mask[pixel];
        if (++channel == channels) {
          channel = 0;
          ++pixel;
        }
      }
      if (count == kLanes) {
        Type::store(out + i, load(spread_mask) * load(image + i));
      } else {
        typename Type::Element out_part[kLanes];
        memcpy(image_part, image + i, static_cast<std::size_t>(count) * sizeof(float));
        Type::store(out_part, load(spread_mask) * load(image_part));
        memcpy(out + i, out_part, static_cast<std::size_t>(count) * sizeof out_part[0]);
      }
    }
  }
};

// The weighted sum over taps. It keeps copies, as rows and weights could be what is being written for all that the
// compiler knows.
template <int Taps>
struct Mix {
  const float *row[Taps];
  Floats weight[Taps];

  Mix(const float *const *rows, const float *weights) {
    for (int t = 0; t < Taps; ++t) {
      row[t] = rows[t];
      weight[t] = weights[t] - Floats{};
    }
  }

  Floats at(int64_t x) const {
    Floats sum = load(row[0] + x) * weight[0];
    for (int t = 1; t < Taps; ++t) sum += load(row[t] + x) * weight[t];
    return sum;
  }
};

template <int Taps>
void mix_row_of(const float *const *rows, const float *weights, int64_t size, float *out) {
  const Mix<Taps> mix(rows, weights);
  for (int64_t x = 0; x < size; x += kLanes) Float32::store(out + x, mix.at(x));
}

// `row` is a copy, lest it be read again after each store.
template <class Type, class Pixels, int Taps>
void masked_of(const float *const *rows, const float *weights, float min, float factor, const MaskedRow row) {
  const Mix<Taps> mix(rows, weights);
  const auto mask = [&](int64_t x) { return (mix.at(x) - min) * factor; };
  const int64_t planes = Pixels::kSinglePlane ? 1 : row.planes;
  auto *const out = static_cast<typename Type::Element *>(row.out);
  int64_t p = 0;
  for (; p + kStep <= row.pixels; p += kStep) {
    const Step step = {{mask(p), mask(p + kLanes)}};
    for (int64_t c = 0; c < planes; ++c)
      Pixels::multiply(step, row.image + c * row.image_plane + p * row.channels, row.channels,
                       out + c * row.out_plane + p * row.channels);
  }
  if (p == row.pixels) return;
  const Step step = {{mask(p), p + kLanes < row.pixels ? mask(p + kLanes) : Floats{}}};
  for (int64_t c = 0; c < planes; ++c)
    Pixels::multiply_end(step, row.image + c * row.image_plane + p * row.channels, row.channels, row.pixels - p,
                         out + c * row.out_plane + p * row.channels);
}

// As many accumulators as vectors in kRowPad, which also keeps several minima in flight.
template <int Taps>
void range_row_of(const float *const *rows, const float *weights, int64_t size, float *lo, float *hi) {
  constexpr int kVectors = kRowPad / kLanes;
  const Mix<Taps> mix(rows, weights);
  Floats low[kVectors], high[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    low[v] = load(lo + v * kLanes);
    high[v] = load(hi + v * kLanes);
  }
  for (int64_t x = 0; x < size; x += kRowPad)
    for (int v = 0; v < kVectors; ++v) {
      const Floats value = mix.at(x + v * kLanes);
      low[v] = value < low[v] ? value : low[v];
      high[v] = value > high[v] ? value : high[v];
    }
  for (int v = 0; v < kVectors; ++v) {
    Float32::store(lo + v * kLanes, low[v]);
    Float32::store(hi + v * kLanes, high[v]);
  }
}

template <int Taps>
void expand_row_of(const float *__restrict source, [[maybe_unused]] int64_t source_size,
                   const int32_t *__restrict index, const float *__restrict weights, int64_t size,
                   float *__restrict out) {
#if !defined(__clang__)
  // A source row that fits into a register is looked up there.
  if (source_size <= kLanes) {
    Floats held = {};
    memcpy(&held, source, static_cast<std::size_t>(source_size) * sizeof(float));
    for (int64_t x = 0; x < size; x += kLanes) {
      Floats sum = __builtin_shuffle(held, load(index + x)) * load(weights + x);
      for (int t = 1; t < Taps; ++t)
        sum += __builtin_shuffle(held, load(index + t * size + x)) * load(weights + t * size + x);
      Float32::store(out + x, sum);
    }
    return;
  }
#endif
  for (int64_t x = 0; x < size; ++x) {
    float sum = weights[x] * source[index[x]];
    for (int t = 1; t < Taps; ++t) sum += weights[t * size + x] * source[index[t * size + x]];
    out[x] = sum;
  }
}

// The number of taps becomes a constant in each instance, so that the compiler unrolls the sum.
template <int Count>
using TapCount = std::integral_constant<int, Count>;

template <class Call>
inline void for_taps(int taps, Call call) {
  taps == 1 ? call(TapCount<1>()) : taps == 2 ? call(TapCount<2>()) : call(TapCount<4>());
}

template <class Type, class Pixels>
void masked_pixels(const float *const *rows, const float *weights, int taps, float min, float factor,
                   const MaskedRow &row) {
  for_taps(taps, [&](auto count) { masked_of<Type, Pixels, count()>(rows, weights, min, factor, row); });
}

template <class Type>
void masked(const float *const *rows, const float *weights, int taps, float min, float factor, const MaskedRow &row) {
  switch (row.channels) {
    case 1:
      return masked_pixels<Type, Fixed<Type, 1>>(rows, weights, taps, min, factor, row);
    case 3:
      return masked_pixels<Type, Fixed<Type, 3>>(rows, weights, taps, min, factor, row);
    case 4:
      return masked_pixels<Type, Fixed<Type, 4>>(rows, weights, taps, min, factor, row);
    default:
      return masked_pixels<Type, Any<Type>>(rows, weights, taps, min, factor, row);
  }
}

}  // namespace

void expand_row(const float *source, int64_t source_size, const int32_t *index, const float *weights, int taps,
                int64_t size, float *out) {
  for_taps(taps, [&](auto count) { expand_row_of<count()>(source, source_size, index, weights, size, out); });
}

void mix_row(const float *const *rows, const float *weights, int taps, int64_t size, float *out) {
  for_taps(taps, [&](auto count) { mix_row_of<count()>(rows, weights, size, out); });
}

void range_row(const float *const *rows, const float *weights, int taps, int64_t size, float *lo, float *hi) {
  for_taps(taps, [&](auto count) { range_row_of<count()>(rows, weights, size, lo, hi); });
}

void masked_float32(const float *const *rows, const float *weights, int taps, float min, float factor,
                    const MaskedRow &row) {
  masked<Float32>(rows, weights, taps, min, factor, row);
}

void masked_bfloat16(const float *const *rows, const float *weights, int taps, float min, float factor,
                     const MaskedRow &row) {
  masked<Bfloat16>(rows, weights, taps, min, factor, row);
}

void masked_float16(const float *const *rows, const float *weights, int taps, float min, float factor,
                    const MaskedRow &row) {
  masked<Float16>(rows, weights, taps, min, factor, row);
}

#define INITIALISE(name, parameters) name,
const RowKernels row_kernels = {SCORECAM_ROW_KERNELS(INITIALISE)};
#undef INITIALISE

}  // namespace SCORECAM_ISA
}  // namespace scorecam
