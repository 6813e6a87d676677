// The first convolution of masked images by its responses, on every instruction set that this machine has, the scalar
// oracle among them, against the convolution of the masked images themselves, summed up in double; and bad arguments.
//
//   stem_test values | arguments
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "arrays.h"
#include "check.h"
#include "cpu/window.h"
#include "scenes.h"
#include "variants.h"

namespace {

using variants::ok;

constexpr double kTolerance = 2e-6;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  scenes::Shape shape;
  scorecam_window window;
  int64_t outputs;
  int64_t classes;  // that are expected vertically, bilinear; 0 for whatever they are
};

scorecam_window square(int64_t kernel, int64_t stride, int64_t padding, int64_t dilation = 1) {
  return {{kernel, kernel}, {stride, stride}, {padding, padding}, {dilation, dilation}};
}

// The convolution of dense channels-last images, without bias.
std::vector<float> convolve(const Case &at, const std::vector<float> &images, const std::vector<float> &weights) {
  const scenes::Shape &s = at.shape;
  const int64_t out_height = scorecam::window_outputs(at.window, 0, s.height);
  const int64_t out_width = scorecam::window_outputs(at.window, 1, s.width);
  const int64_t count = static_cast<int64_t>(images.size()) / (s.height * s.width * s.channels);
  std::vector<float> out;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t y = 0; y < out_height; ++y)
      for (int64_t x = 0; x < out_width; ++x)
        for (int64_t o = 0; o < at.outputs; ++o) {
          double sum = 0;
          for (int64_t i = 0; i < at.window.kernel[0]; ++i)
            for (int64_t j = 0; j < at.window.kernel[1]; ++j) {
              const int64_t row = y * at.window.stride[0] - at.window.padding[0] + i * at.window.dilation[0];
              const int64_t column = x * at.window.stride[1] - at.window.padding[1] + j * at.window.dilation[1];
              if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
              for (int64_t c = 0; c < s.channels; ++c) {
                const auto weight = static_cast<std::size_t>(
                    ((o * s.channels + c) * at.window.kernel[0] + i) * at.window.kernel[1] + j);
                const auto pixel =
                    static_cast<std::size_t>(((n * s.height + row) * s.width + column) * s.channels + c);
                sum += static_cast<double>(weights[weight]) * static_cast<double>(images[pixel]);
              }
            }
          out.push_back(static_cast<float>(sum));
        }
  return out;
}

scorecam_tensor dense(std::vector<float> &values, int64_t rows, int64_t channels, int64_t height, int64_t width) {
  values.assign(static_cast<std::size_t>(rows * channels * height * width), 12345);
  return {values.data(),
          SCORECAM_DTYPE_FLOAT32,
          4,
          {rows, channels, height, width},
          {channels * height * width, 1, channels * width, channels}};
}

// What scorecam.h says responses are made of.
std::vector<float> responses_of(const Case &at, const scorecam_tensor &image, int32_t upsampling,
                                const int64_t classes[2], const std::vector<float> &weights) {
  const scenes::Shape &s = at.shape;
  const int64_t count = classes[0] * classes[1];
  std::vector<float> indicators;
  std::vector<scorecam_range> ranges;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t y = 0; y < s.h; ++y)
      for (int64_t x = 0; x < s.w; ++x)
        indicators.push_back(y % classes[0] == i / classes[1] && x % classes[1] == i % classes[1] ? 1.0f : 0.0f);
    ranges.push_back({0, 1, 0, 0, 0});
    rows.push_back(i);
  }
  const scorecam_source source = {
      {indicators.data(), SCORECAM_DTYPE_FLOAT32, 3, {count, s.h, s.w}, {s.h * s.w, s.w, 1}}, image, ranges.data()};
  const scorecam_masking masking = {upsampling, SCORECAM_NORMALISE_BEFORE, 0, 0};
  std::vector<float> images;
  const scorecam_tensor out = dense(images, count, s.channels, s.height, s.width);
  ok(scorecam_masked_batch(&source, rows.data(), &masking, &out));
  return convolve(at, images, weights);
}

void compare(const Case &at, int32_t upsampling, int32_t normalisation, bool bounded, std::size_t turn,
             const std::vector<std::string> &isas, std::mt19937 &random) {
  const scenes::Shape &s = at.shape;
  scenes::Scene scene(s, turn, random);
  const scorecam_masking masking = {upsampling, normalisation, turn % 2 ? 1e-8f : 0, 0};
  std::normal_distribution<float> normal;
  std::vector<float> weights(
      static_cast<std::size_t>(at.outputs * s.channels * at.window.kernel[0] * at.window.kernel[1]));
  for (float &weight : weights) weight = normal(random);
  std::vector<float> bias(static_cast<std::size_t>(at.outputs));
  for (float &value : bias) value = normal(random);
  // Finite channels, some of them constant; a remainder after groups of four.
  const std::vector<int64_t> rows = {arrays::kPlain, SCORECAM_CHANNEL_NONE, arrays::kTiny, arrays::kConstant,
                                     arrays::kCopyOfPlain, arrays::kZero};
  const auto count = static_cast<int64_t>(rows.size());

  ok(scorecam_set_max_isa("scalar"));
  scene.find_ranges(s, masking);
  std::vector<float> images;
  const scorecam_tensor masked = dense(images, count, s.channels, s.height, s.width);
  const scorecam_source source = scene.source();
  ok(scorecam_masked_batch(&source, rows.data(), &masking, &masked));
  std::vector<float> expected = convolve(at, images, weights);
  double largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expected[i] += bias[i % bias.size()];
    largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
    if (bounded) expected[i] = std::min(std::max(expected[i], 0.0f), 6.0f);
  }

  const int64_t map[2] = {s.h, s.w}, size[2] = {s.height, s.width};
  int64_t classes[2] = {0, 0};
  ok(scorecam_stem_classes(upsampling, map, size, &at.window, classes));
  if (at.classes > 0 && upsampling == SCORECAM_UPSAMPLING_BILINEAR)
    CHECK(classes[0] == at.classes, "%" PRId64 " classes, not %" PRId64, classes[0], at.classes);
  const std::vector<float> responses = responses_of(at, scene.image.tensor, upsampling, classes, weights);
  scorecam_stem stem = {};
  stem.activations = scene.maps.tensor;
  stem.ranges = scene.ranges.data();
  stem.height = s.height;
  stem.width = s.width;
  stem.window = at.window;
  stem.outputs = at.outputs;
  stem.responses = responses.data();
  stem.bias = bias.data();
  stem.lowest = bounded ? 0 : -kInfinity;
  stem.highest = bounded ? 6 : kInfinity;
  for (const std::string &isa : isas) {
    variants::use(isa);
    std::vector<float> actual;
    const scorecam_tensor out = dense(actual, count, at.outputs, scorecam::window_outputs(at.window, 0, s.height),
                                      scorecam::window_outputs(at.window, 1, s.width));
    if (!ok(scorecam_stem_batch(&stem, rows.data(), &masking, &out))) continue;
    double worst = 0;
    for (std::size_t i = 0; i < actual.size(); ++i) {
      const double error = std::fabs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
      worst = error <= worst ? worst : error;  // also a NaN
    }
    CHECK(actual.size() == expected.size() && worst <= kTolerance * std::max(largest, 1.0),
          "%s: %" PRId64 "x%" PRId64 " on %" PRId64 "x%" PRId64 ", kernel %" PRId64 ", %" PRId64
          " outputs, upsampling %d, normalisation %d: off by %g of %g",
          isa.c_str(), s.h, s.w, s.height, s.width, at.window.kernel[0], at.outputs, upsampling, normalisation, worst,
          largest);
  }
}

void values() {
  const std::vector<std::string> isas = variants::all_and_oracle();
  std::mt19937 random(5);
  const Case cases[] = {
      {{7, 7, 64, 64, 3}, square(7, 2, 3), 64, 3},    // as in ResNet, with cells half as far apart as there
      {{2, 3, 64, 96, 3}, square(7, 2, 3), 16, 2},    // one cell's centre or none in a window; the map has but two rows
      {{5, 7, 37, 53, 3}, square(3, 2, 1), 9, 0},     // odd everything
      {{1, 1, 20, 20, 3}, square(7, 2, 3), 8, 1},     // a single cell: all maps are constant
      {{1, 6, 18, 31, 1}, square(3, 1, 0), 40, 1},    // one row of cells, no padding
      {{9, 9, 12, 12, 2}, square(7, 2, 3), 5, 0},     // nearly as many cells as pixels
      {{20, 24, 12, 10, 3}, square(3, 2, 1), 8, 0},   // more cells than pixels
      {{6, 6, 6, 6, 3}, square(3, 1, 1), 8, 3},       // as many
      {{3, 3, 30, 30, 3}, square(1, 1, 0), 17, 2},    // pixel by pixel
      {{3, 3, 30, 30, 3}, square(3, 2, 5, 3), 8, 0},  // dilated; windows that lie in the padding alone
      {{4, 3, 33, 20, 4}, {{5, 3}, {4, 1}, {0, 2}, {1, 2}}, 24, 0},
  };
  std::size_t turn = 0;
  for (const Case &at : cases)
    for (const int32_t upsampling : scenes::kUpsamplings)
      for (const int32_t normalisation : {SCORECAM_NORMALISE_AFTER, SCORECAM_NORMALISE_BEFORE}) {
        ++turn;
        compare(at, upsampling, normalisation, turn % 3 != 0, turn, isas, random);
      }
}

void refused(scorecam_status expected, scorecam_status status, const char *words) {
  CHECK(status == expected && std::strstr(scorecam_last_message(), words) != nullptr, "%s: %s, not '%s'",
        scorecam_status_name(status), scorecam_last_message(), words);
}

void arguments() {
  const int64_t map[2] = {2, 2}, image[2] = {8, 8}, none[2] = {0, 2};
  int64_t classes[2];
  const scorecam_window window = square(3, 2, 1);
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT, unsupported = SCORECAM_STATUS_UNSUPPORTED;
  refused(unsupported, scorecam_stem_classes(7, map, image, &window, classes), "upsampling is 7");
  refused(invalid, scorecam_stem_classes(1, none, image, &window, classes), "the maps are 0 x 2");
  refused(invalid, scorecam_stem_classes(1, map, none, &window, classes), "the image is 0 x 2");
  refused(invalid, scorecam_stem_classes(1, map, image, nullptr, classes), "window is null");
  refused(invalid, scorecam_stem_classes(1, map, image, &window, nullptr), "classes is null");
  for (const scorecam_window &wrong : {square(0, 1, 0), square(3, 0, 1), square(3, 1, -1), square(3, 1, 1, 0),
                                       square(int64_t{1} << 40, 1, 0)})
    refused(invalid, scorecam_stem_classes(1, map, image, &wrong, classes), "the window has kernel");
  const scorecam_window large = square(9, 1, 0);
  refused(invalid, scorecam_stem_classes(1, map, image, &large, classes), "does not fit into the image's 8 pixels in dimension 0");

  float maps[4] = {0, 1, 2, 3}, responses[4 * 16 * 2] = {};
  const scorecam_range range = {0, 3, 0, 0, 0};
  scorecam_stem stem = {};
  stem.activations = {maps, SCORECAM_DTYPE_FLOAT32, 3, {1, 2, 2}, {4, 2, 1}};
  stem.ranges = &range;
  stem.height = stem.width = 8;
  stem.window = window;
  stem.outputs = 2;
  stem.responses = responses;
  stem.highest = kInfinity;
  const scorecam_masking masking = {SCORECAM_UPSAMPLING_BILINEAR, SCORECAM_NORMALISE_AFTER, 0, 0};
  std::vector<float> values;
  const scorecam_tensor out = dense(values, 1, 2, 4, 4);
  const int64_t row = 0, outside = 1;
  ok(scorecam_stem_batch(&stem, &row, &masking, &out));
  refused(invalid, scorecam_stem_batch(nullptr, &row, &masking, &out), "stem is null");
  refused(invalid, scorecam_stem_batch(&stem, nullptr, &masking, &out), "row_channels is null");
  refused(invalid, scorecam_stem_batch(&stem, &outside, &masking, &out), "row_channels[0] is 1 of 1");
  refused(invalid, scorecam_stem_batch(&stem, &row, nullptr, &out), "masking is null");
  refused(invalid, scorecam_stem_batch(&stem, &row, &masking, nullptr), "out is null");
  const auto refuses = [&](scorecam_status status, const char *words, auto change) {
    scorecam_stem changed = stem;
    scorecam_tensor to = out;
    change(changed, to);
    refused(status, scorecam_stem_batch(&changed, &row, &masking, &to), words);
  };
  refuses(invalid, "responses is null", [](scorecam_stem &s, scorecam_tensor &) { s.responses = nullptr; });
  refuses(invalid, "ranges is null", [](scorecam_stem &s, scorecam_tensor &) { s.ranges = nullptr; });
  refuses(invalid, "out has shape", [](scorecam_stem &s, scorecam_tensor &) { s.outputs = 3; });
  refuses(invalid, "stem.outputs is 0", [](scorecam_stem &s, scorecam_tensor &t) { s.outputs = t.sizes[1] = 0; });
  refuses(invalid, "out has shape", [](scorecam_stem &, scorecam_tensor &t) { t.sizes[2] = 5; });
  refuses(invalid, "lowest is 1", [](scorecam_stem &s, scorecam_tensor &) { s.lowest = 1, s.highest = 0; });
  refuses(invalid, "lowest is", [](scorecam_stem &s, scorecam_tensor &) { s.highest = std::nanf(""); });
  refuses(unsupported, "not float32", [](scorecam_stem &, scorecam_tensor &t) { t.dtype = SCORECAM_DTYPE_FLOAT16; });
  refuses(unsupported, "channels-last", [](scorecam_stem &, scorecam_tensor &t) { t.strides[1] = 16; });
  scorecam_tensor empty = out;
  empty.sizes[0] = 0;
  ok(scorecam_stem_batch(&stem, nullptr, &masking, &empty));
}

}  // namespace

int main(int argc, char **argv) {
  return check::run(argc, argv, values, arguments);
}
