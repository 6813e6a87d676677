// Every instruction set that this machine has against the scalar oracle, and the oracle against values worked out
// by hand.
//
//   cpu_test masked_batch | channel_range | by_hand
#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <string>

#include "arrays.h"
#include "check.h"
#include "scenes.h"
#include "variants.h"

using namespace arrays;
using namespace scenes;
using variants::ok;
using variants::use;

namespace {

constexpr float kTolerance = 2e-6f;  // of the range

// Around every vector width, tails of one, single values, maps larger than the image, bands of several rows.
std::vector<Shape> shapes() {
  std::vector<Shape> all;
  const int64_t maps[][2] = {{1, 1}, {7, 7}, {1, 5}, {5, 3}, {9, 16}, {4, 17}, {19, 40}};
  const int64_t channels[] = {3, 1, 4, 13, 2};
  std::size_t turn = 0;
  for (const int64_t width : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65})
    for (const auto &map : maps) {
      const int64_t height = 1 + static_cast<int64_t>(turn % 6);
      all.push_back({map[0], map[1], height, width, channels[turn % 5]});
      ++turn;
    }
  for (const int64_t c : channels) all.push_back({7, 9, 61, 97, c});
  all.push_back({14, 14, 130, 225, 3});
  all.push_back({64, 50, 20, 33, 3});
  all.push_back({12, 12, 12, 12, 3});
  return all;
}


std::string describe(const Shape &shape, const scorecam_masking &masking) {
  char text[160];
  std::snprintf(text, sizeof text, "%" PRId64 "x%" PRId64 " to %" PRId64 "x%" PRId64 "x%" PRId64 ", upsampling %d, %s",
                shape.h, shape.w, shape.channels, shape.height, shape.width, masking.upsampling,
                masking.normalisation == SCORECAM_NORMALISE_BEFORE ? "normalised before" : "normalised after");
  return text;
}

float magnitude_of(const scorecam_range &range) {
  const float min = std::isfinite(range.min) ? std::fabs(range.min) : 0;
  return std::max(min, std::isfinite(range.max) ? std::fabs(range.max) : 0);
}

// How much normalisation magnifies the rounding of the map, relative to the result's range of 1. Large where the
// upsampled values are all but equal, as they are in images of a few pixels.
float conditioning(float magnitude, const scorecam_range &range, float epsilon) {
  const float spread = range.max - range.min + epsilon;
  return std::isfinite(spread) && spread > 0 ? std::max(1.0f, magnitude / spread) : 1;
}

float finite_range(const std::vector<float> &values) {
  float range = 0;
  for (const float value : values)
    if (std::isfinite(value)) range = std::max(range, std::fabs(value));
  return range;
}

void masked_batch() {
  const std::vector<std::string> isas = variants::all();
  std::mt19937 random(7);
  std::size_t turn = 0;
  for (const Shape &shape : shapes())
    for (const int32_t upsampling : kUpsamplings)
      for (const int32_t normalisation : {SCORECAM_NORMALISE_AFTER, SCORECAM_NORMALISE_BEFORE}) {
        const scorecam_masking masking = {upsampling, normalisation, turn % 3 ? 1e-8f : 1e-10f, 0};
        const std::string what = describe(shape, masking);
        Scene scene(shape, turn, random);
        if (turn % 5 == 0) scene.image.set(0, 0, 0, std::numeric_limits<float>::quiet_NaN());
        ++turn;

        use("scalar");
        scene.find_ranges(shape, masking);
        const scorecam_source source = scene.source();
        const int64_t row_channels[] = {kPlain, kTiny, kConstant, kPlain, kInfinite, SCORECAM_CHANNEL_NONE,
                                        kNan, kInfinite, kZero, kCopyOfPlain};
        constexpr int64_t rows = 10;
        const int64_t sample = shape.channels * shape.height * shape.width;

        for (const Layout layout : {Layout::contiguous, Layout::channels_last}) {
          const int64_t gap = turn % 2 ? 3 : 0;
          std::vector<float> expected;
          for (std::size_t variant = 0; variant <= isas.size(); ++variant) {
            const std::string isa = variant == 0 ? "scalar" : isas[variant - 1];
            use(isa);
            std::vector<float> exact;  // this variant's float32 result
            for (const int32_t dtype : kDtypes) {
              Array out(dtype, {rows, shape.channels, shape.height, shape.width}, layout, gap);
              if (!ok(scorecam_masked_batch(&source, row_channels, &masking, &out.tensor))) return;
              CHECK(out.guards_intact(sample, gap), "%s, %s: wrote outside of out", isa.c_str(), what.c_str());
              for (int64_t b = 0; b < rows; ++b)
                for (int64_t i = 0; i < sample; ++i) {
                  const int64_t offset = b * out.tensor.strides[0] + i;
                  const std::size_t at = static_cast<std::size_t>(b * sample + i);
                  const float value = widen(dtype, out.tensor.data, offset);
                  if (dtype == SCORECAM_DTYPE_FLOAT32) {
                    exact.push_back(value);
                    continue;
                  }
                  uint16_t rounded = 0;
                  narrow(dtype, &rounded, 0, exact[at]);
                  const uint16_t half = static_cast<const uint16_t *>(out.tensor.data)[offset];
                  const bool flushed = dtype == SCORECAM_DTYPE_BFLOAT16 && value == 0 && std::fabs(exact[at]) < 0x1p-126f;
                  CHECK(std::isnan(exact[at]) ? std::isnan(value) : ulps(half, rounded) <= 1 || flushed,
                        "%s, %s: row %" PRId64 " element %" PRId64 " of dtype %d is %g for %g", isa.c_str(), what.c_str(),
                        b, i, dtype, static_cast<double>(value), static_cast<double>(exact[at]));
                }
            }
            if (variant == 0) {
              expected = exact;
              continue;
            }
            const float range = std::max(2.0f, finite_range(expected));  // images reach 2, masks 1
            for (std::size_t i = 0; i < expected.size(); ++i) {
              const std::size_t row = i / static_cast<std::size_t>(sample);
              const int64_t k = row_channels[row];
              const float tolerance =
                  k < 0 ? 0
                        : kTolerance * range *
                              conditioning(k == kTiny ? 1e-5f : 1.0f,
                                           scene.ranges[static_cast<std::size_t>(k)],
                                           masking.epsilon);
              CHECK(near(exact[i], expected[i], tolerance), "%s, %s: row %zu element %zu is %.9g, not %.9g", isa.c_str(),
                    what.c_str(), row, i % static_cast<std::size_t>(sample), static_cast<double>(exact[i]),
                    static_cast<double>(expected[i]));
            }
          }
          for (int64_t i = 0; i < sample; ++i) {
            CHECK(expected[static_cast<std::size_t>(2 * sample + i)] == 0, "%s: a constant channel", what.c_str());
            CHECK(expected[static_cast<std::size_t>(5 * sample + i)] == 0, "%s: no channel", what.c_str());
          }
        }
      }
}

void channel_range() {
  const std::vector<std::string> isas = variants::all();
  std::mt19937 random(8);
  std::size_t turn = 0;
  for (const Shape &shape : shapes())
    for (const int32_t upsampling : kUpsamplings)
      for (const int32_t normalisation : {SCORECAM_NORMALISE_AFTER, SCORECAM_NORMALISE_BEFORE}) {
        const scorecam_masking masking = {upsampling, normalisation, 0, 0};
        const std::string what = describe(shape, masking);
        Array maps(kDtypes[turn % 3], {kChannels, shape.h, shape.w}, kLayouts[turn / 3 % 4]);
        Array same(SCORECAM_DTYPE_FLOAT32, {kChannels, shape.h, shape.w}, Layout::contiguous);
        fill_activations(maps, random);
        for (int64_t k = 0; k < kChannels; ++k)
          for (int64_t y = 0; y < shape.h; ++y)
            for (int64_t x = 0; x < shape.w; ++x) same.set(k, y, x, maps.at(k, y, x));
        ++turn;
        std::vector<scorecam_range> expected(kChannels), actual(kChannels), of_same(kChannels);
        use("scalar");
        ok(scorecam_channel_range(&maps.tensor, shape.height, shape.width, &masking, expected.data()));
        CHECK(expected[kConstant].flags == SCORECAM_RANGE_CONSTANT, "%s: constant", what.c_str());
        CHECK(expected[kZero].flags == SCORECAM_RANGE_CONSTANT && expected[kZero].max == 0, "%s: zero", what.c_str());
        CHECK(expected[kInfinite].flags == SCORECAM_RANGE_NON_FINITE, "%s: infinite", what.c_str());
        CHECK(expected[kNan].flags == SCORECAM_RANGE_NON_FINITE, "%s: NaN", what.c_str());
        CHECK(expected[kPlain].flags == (shape.h * shape.w == 1 ? SCORECAM_RANGE_CONSTANT : 0), "%s: plain",
              what.c_str());
        CHECK(expected[kPlain].hash == expected[kCopyOfPlain].hash, "%s: equal channels", what.c_str());
        for (int64_t k = 0; k < kCopyOfPlain; ++k)
          for (int64_t l = 0; l < k; ++l)
            CHECK(expected[static_cast<std::size_t>(k)].hash != expected[static_cast<std::size_t>(l)].hash,
                  "%s: unequal channels", what.c_str());
        for (const std::string &isa : isas) {
          use(isa);
          ok(scorecam_channel_range(&maps.tensor, shape.height, shape.width, &masking, actual.data()));
          ok(scorecam_channel_range(&same.tensor, shape.height, shape.width, &masking, of_same.data()));
          for (std::size_t k = 0; k < actual.size(); ++k) {
            const float tolerance = kTolerance * magnitude_of(expected[k]);
            CHECK(near(actual[k].min, expected[k].min, tolerance) && near(actual[k].max, expected[k].max, tolerance),
                  "%s, %s: channel %zu has [%.9g, %.9g], not [%.9g, %.9g]", isa.c_str(), what.c_str(), k,
                  static_cast<double>(actual[k].min), static_cast<double>(actual[k].max),
                  static_cast<double>(expected[k].min), static_cast<double>(expected[k].max));
            CHECK(actual[k].flags == expected[k].flags && actual[k].hash == expected[k].hash,
                  "%s, %s: flags or hash of channel %zu", isa.c_str(), what.c_str(), k);
            CHECK(of_same[k].hash == expected[k].hash, "%s, %s: hash depends on dtype or layout", isa.c_str(),
                  what.c_str());
          }
        }
      }
}

void by_hand() {
  const float row[2] = {0, 1};
  const struct {
    int32_t upsampling;
    float expected[4];
  } cases[] = {
      {SCORECAM_UPSAMPLING_NEAREST, {0, 0, 1, 1}},
      {SCORECAM_UPSAMPLING_BILINEAR, {0, 0.25f, 0.75f, 1}},
      {SCORECAM_UPSAMPLING_BILINEAR_ALIGNED, {0, 1 / 3.0f, 2 / 3.0f, 1}},
      // Sources -0.25, 0.25, 0.75, 1.25. With a = -0.75 the weights at t = 0.25 are -27/256, 225/256, 67/256 and
      // -9/256; at t = 0.75 they are reversed. Taps clamped to the two values leave the sums below.
      {SCORECAM_UPSAMPLING_BICUBIC, {-27 / 256.0f, 58 / 256.0f, 198 / 256.0f, 283 / 256.0f}},
  };
  const std::vector<std::string> isas = variants::all_and_oracle();
  for (const std::string &isa : isas) {
    use(isa);
    for (const auto &each : cases) {
      for (const bool down : {false, true}) {
        scorecam_tensor maps = {const_cast<float *>(row), SCORECAM_DTYPE_FLOAT32, 3, {1, 1, 2, 0}, {2, 2, 1, 0}};
        // Over an image of ones, a map that is said to reach from 0 to 1 is its own masked image.
        float ones[4] = {1, 1, 1, 1}, out[4];
        scorecam_tensor image = {ones, SCORECAM_DTYPE_FLOAT32, 3, {1, 1, 4, 0}, {4, 4, 1, 0}};
        scorecam_tensor chunk = {out, SCORECAM_DTYPE_FLOAT32, 4, {1, 1, 1, 4}, {4, 4, 4, 1}};
        if (down) {
          std::swap(maps.sizes[1], maps.sizes[2]);
          maps.strides[1] = 1;
          std::swap(image.sizes[1], image.sizes[2]);
          image.strides[1] = 1;
          std::swap(chunk.sizes[2], chunk.sizes[3]);
          chunk.strides[2] = 1;
        }
        const scorecam_range unit = {0, 1, 0, 0, 0};
        const scorecam_source source = {maps, image, &unit};
        const scorecam_masking masking = {each.upsampling, SCORECAM_NORMALISE_AFTER, 0, 0};
        const int64_t channel = 0;
        ok(scorecam_masked_batch(&source, &channel, &masking, &chunk));
        for (int i = 0; i < 4; ++i)
          CHECK(near(out[i], each.expected[i], 3e-7f), "%s: upsampling %d, %d: %.9g, not %.9g", isa.c_str(),
                each.upsampling, i, static_cast<double>(out[i]), static_cast<double>(each.expected[i]));
      }
    }

    // A whole masked image: map [0, 1; 2, 3] by nearest over ones and minus twos gives thirds.
    const float map[4] = {0, 1, 2, 3}, image[8] = {1, 1, 1, 1, -2, -2, -2, -2};
    const scorecam_masking masking = {SCORECAM_UPSAMPLING_NEAREST, SCORECAM_NORMALISE_AFTER, 0, 0};
    scorecam_range range;
    const scorecam_tensor maps = {const_cast<float *>(map), SCORECAM_DTYPE_FLOAT32, 3, {1, 2, 2, 0}, {4, 2, 1, 0}};
    ok(scorecam_channel_range(&maps, 2, 2, &masking, &range));
    CHECK(range.min == 0 && range.max == 3 && range.flags == 0, "%s: range", isa.c_str());
    const scorecam_source source = {
        maps, {const_cast<float *>(image), SCORECAM_DTYPE_FLOAT32, 3, {2, 2, 2, 0}, {4, 2, 1, 0}}, &range};
    float out[8];
    const scorecam_tensor chunk = {out, SCORECAM_DTYPE_FLOAT32, 4, {1, 2, 2, 2}, {8, 1, 4, 2}};
    const int64_t channel = 0;
    ok(scorecam_masked_batch(&source, &channel, &masking, &chunk));
    for (int i = 0; i < 4; ++i) {
      CHECK(near(out[2 * i], static_cast<float>(i) / 3, 1e-6f), "%s: masked", isa.c_str());
      CHECK(near(out[2 * i + 1], static_cast<float>(-2 * i) / 3, 1e-6f), "%s: masked", isa.c_str());
    }
  }
}

}  // namespace

int main(int argc, char **argv) {
  const std::string test = argc > 1 ? argv[1] : "";
  if (test == "masked_batch")
    masked_batch();
  else if (test == "channel_range")
    channel_range();
  else if (test == "by_hand")
    by_hand();
  else
    return 2;
  return check::report();
}
