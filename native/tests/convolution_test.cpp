// Winograd convolutions on every instruction set that this machine has, the scalar oracle among them, against the
// definition summed up in double, and bad arguments.
//
//   convolution_test values | arguments
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "arrays.h"
#include "check.h"
#include "convolutions.h"
#include "variants.h"

namespace {

using arrays::Dense;
using arrays::Layout;
using convolutions::expect;

// Of the largest sum of |weight| times the largest |input| of the channel: a tile shares its error, so that what its
// outputs could be counts, even if the input is zero in most of the tile.
constexpr double kTolerance = 1e-6;

struct Case {
  int64_t images, height, width, inputs, outputs;
  int32_t padding;
  bool bias, residual, in_place, relu, shares;
};

std::string describe(const Case &at) {
  char text[200];
  std::snprintf(text, sizeof text,
                "%" PRId64 " of %" PRId64 "x%" PRId64 ", %" PRId64 " to %" PRId64 ", padding %d%s%s%s%s%s", at.images,
                at.height, at.width, at.inputs, at.outputs, at.padding, at.bias ? ", bias" : "",
                at.residual ? ", residual" : "", at.in_place ? " in place" : "", at.relu ? ", relu" : "", at.shares ? ", shared pixels" : "");
  return text;
}

double scale_of(const Case &at, Dense &input, const arrays::Array &weight) {
  std::vector<double> largest(static_cast<std::size_t>(at.inputs));
  for (int64_t i = 0; i < input.size(); ++i) {
    double &of_channel = largest[static_cast<std::size_t>(i % at.inputs)];
    of_channel = std::max(of_channel, std::fabs(static_cast<double>(input[i])));
  }
  double scale = 0;
  for (int64_t o = 0; o < at.outputs; ++o) {
    double sum = 0;
    for (int64_t i = 0; i < at.inputs; ++i)
      for (int64_t tap = 0; tap < 9; ++tap)
        sum += std::fabs(weight.at(o * at.inputs + i, tap / 3, tap % 3)) * largest[static_cast<std::size_t>(i)];
    scale = std::max(scale, sum);
  }
  return scale;
}

// The convolution without bias, residual and ReLU.
std::vector<double> define(const Case &at, Dense &input, const arrays::Array &weight) {
  const int64_t out_height = at.height + 2 * at.padding - 2, out_width = at.width + 2 * at.padding - 2;
  std::vector<double> weights;  // [3, 3, I, O]
  for (int64_t tap = 0; tap < 9; ++tap)
    for (int64_t i = 0; i < at.inputs; ++i)
      for (int64_t o = 0; o < at.outputs; ++o) weights.push_back(weight.at(o * at.inputs + i, tap / 3, tap % 3));
  std::vector<double> sums;
  std::vector<double> sum(static_cast<std::size_t>(at.outputs));
  for (int64_t n = 0; n < at.images; ++n)
    for (int64_t y = 0; y < out_height; ++y)
      for (int64_t x = 0; x < out_width; ++x) {
        std::fill(sum.begin(), sum.end(), 0);
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t row = y + tap / 3 - at.padding, column = x + tap % 3 - at.padding;
          if (row < 0 || row >= at.height || column < 0 || column >= at.width) continue;
          for (int64_t i = 0; i < at.inputs; ++i) {
            const double value = input[((n * at.height + row) * at.width + column) * at.inputs + i];
            const double *from = weights.data() + (tap * at.inputs + i) * at.outputs;
            for (std::size_t o = 0; o < sum.size(); ++o) sum[o] += value * from[o];
          }
        }
        sums.insert(sums.end(), sum.begin(), sum.end());
      }
  return sums;
}

void compare(const Case &at, const std::vector<std::string> &isas, std::mt19937 &random, std::size_t turn) {
  Dense input(at.images * at.height * at.width * at.inputs), bias(at.outputs);
  const Layout layouts[] = {Layout::contiguous, Layout::channels_last, Layout::gaps, Layout::reversed};
  // [O * I, 3, 3] to Array, [O, I, 3, 3] to the library.
  arrays::Array weight(SCORECAM_DTYPE_FLOAT32, {at.outputs * at.inputs, 3, 3}, layouts[turn % 4]);
  input.fill(random);
  if (at.shares) convolutions::share(input, at.images, at.height, at.width, at.inputs, random);
  bias.fill(random);
  arrays::fill_uniform(weight, random, -1, 1);
  const scorecam_tensor view = {weight.tensor.data,
                                SCORECAM_DTYPE_FLOAT32,
                                4,
                                {at.outputs, at.inputs, 3, 3},
                                {weight.tensor.strides[0] * at.inputs, weight.tensor.strides[0],
                                 weight.tensor.strides[1], weight.tensor.strides[2]}};
  int64_t floats = 0;
  variants::ok(scorecam_winograd_weight_size(at.inputs, at.outputs, &floats));
  Dense packed(floats);
  variants::ok(scorecam_winograd_pack(&view, packed.data()));
  CHECK(packed.guards_intact(), "%s: packed beyond its size", describe(at).c_str());

  const double scale = scale_of(at, input, weight);
  const std::vector<double> sums = define(at, input, weight);
  Dense residual(static_cast<int64_t>(sums.size()));
  residual.fill(random);
  const int64_t border = 2 * at.padding - 2;
  if (at.shares)
    convolutions::share(residual, at.images, at.height + border, at.width + border, at.outputs, random);
  for (const std::string &isa : isas) {
    variants::use(isa);
    Dense output(residual.size());
    if (at.in_place)
      for (int64_t i = 0; i < output.size(); ++i) output[i] = residual[i];
    const scorecam_convolution convolution = {at.images,
                                              at.height,
                                              at.width,
                                              at.inputs,
                                              at.outputs,
                                              at.padding,
                                              at.relu,
                                              input.data(),
                                              packed.data(),
                                              at.bias ? bias.data() : nullptr,
                                              !at.residual  ? nullptr
                                              : at.in_place ? output.data()
                                                            : residual.data(),
                                              output.data()};
    if (!variants::ok(scorecam_winograd_convolution(&convolution))) continue;
    CHECK(output.guards_intact(), "%s: %s: written beyond the output", isa.c_str(), describe(at).c_str());
    for (int64_t i = 0; i < output.size(); ++i) {
      double expected = sums[static_cast<std::size_t>(i)];
      if (at.bias) expected += bias[i % at.outputs];
      if (at.residual) expected += residual[i];
      if (at.relu) expected = std::max(expected, 0.0);
      const double tolerance = kTolerance * (scale + std::fabs(expected));
      if (!CHECK(std::fabs(output[i] - expected) <= tolerance, "%s: %s: element %" PRId64 " is %.9g, not %.9g, by %.2g",
                 isa.c_str(), describe(at).c_str(), i, static_cast<double>(output[i]), expected,
                 std::fabs(output[i] - expected) / (scale + std::fabs(expected))))
        break;
    }
  }
}

void values() {
  std::vector<std::string> isas = variants::all_and_oracle();
  std::mt19937 random(11);
  const int64_t sizes[][2] = {{1, 1}, {2, 3}, {4, 4}, {5, 7}, {7, 7}, {9, 8}, {14, 14}};
  const int64_t channels[] = {1, 3, 8, 15, 16, 17, 33, 64};
  std::size_t turn = 0;
  for (const auto &size : sizes)
    for (const int64_t inputs : channels)
      for (const int64_t outputs : channels)
        for (const int32_t padding : {0, 1, 2}) {
          if (std::min(size[0], size[1]) + 2 * padding < 3) continue;
          ++turn;
          // All combinations of the flags come by; images from none to more than a sheet holds.
          const bool residual = turn / 2 % 3 != 0;
          compare({static_cast<int64_t>(turn * 7 % 6), size[0], size[1], inputs, outputs, padding, turn % 2 == 0,
                   residual, residual && turn / 2 % 3 == 1, turn / 5 % 2 == 0, turn % 3 != 0},
                  isas, random, turn);
        }
  // Enough tiles and weights for several rounds, each thread's own and shared.
  isas.pop_back();
  compare({3, 60, 60, 64, 32, 1, true, false, false, true, false}, isas, random, 0);
  compare({17, 14, 14, 192, 256, 1, true, true, true, true, false}, isas, random, 1);
  compare({9, 7, 7, 500, 500, 1, true, true, false, false, false}, isas, random, 2);
  compare({17, 28, 28, 64, 96, 1, true, false, false, true, true}, isas, random, 3);
  compare({17, 14, 14, 192, 256, 1, true, true, true, true, true}, isas, random, 4);
}

void arguments() {
  float input[4 * 4 * 2] = {}, output[4 * 4 * 3] = {}, weight[3 * 2 * 9] = {};
  int64_t floats = 0;
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT, unsupported = SCORECAM_STATUS_UNSUPPORTED;

  expect(scorecam_winograd_weight_size(2, 3, nullptr), invalid, "floats is null");
  expect(scorecam_winograd_weight_size(0, 3, &floats), invalid, "0 inputs and 3 outputs");
  expect(scorecam_winograd_weight_size(2, -1, &floats), invalid, "2 inputs and -1 outputs");
  expect(scorecam_winograd_weight_size(INT64_MAX, 3, &floats), invalid, "exceed the address space");
  expect(scorecam_winograd_weight_size(INT64_C(1) << 40, INT64_C(1) << 40, &floats), invalid, "exceed the address");
  expect(scorecam_winograd_weight_size(2, 3, &floats), SCORECAM_STATUS_OK, "");
  std::vector<float> packed(static_cast<std::size_t>(floats));

  const scorecam_tensor good = {weight, SCORECAM_DTYPE_FLOAT32, 4, {3, 2, 3, 3}, {18, 9, 3, 1}};
  scorecam_tensor tensor = good;
  expect(scorecam_winograd_pack(&good, packed.data()), SCORECAM_STATUS_OK, "");
  expect(scorecam_winograd_pack(nullptr, packed.data()), invalid, "weight is null");
  expect(scorecam_winograd_pack(&good, nullptr), invalid, "packed is null");
  tensor.sizes[3] = 1;
  expect(scorecam_winograd_pack(&tensor, packed.data()), invalid, "[3, 2, 3, 1], not [O, I, 3, 3]");
  tensor = good;
  tensor.rank = 3;
  expect(scorecam_winograd_pack(&tensor, packed.data()), invalid, "rank 3, not 4");
  tensor = good;
  tensor.dtype = 7;
  expect(scorecam_winograd_pack(&tensor, packed.data()), unsupported, "dtype 7");
  tensor = good;
  tensor.data = nullptr;
  expect(scorecam_winograd_pack(&tensor, packed.data()), invalid, "has no data");

  const scorecam_convolution right = {1, 4, 4, 2, 3, 1, 0, input, packed.data(), nullptr, nullptr, output};
  const auto with = [&](scorecam_status expected, const char *message,
                        const std::function<void(scorecam_convolution &)> &change) {
    scorecam_convolution changed = right;
    change(changed);
    expect(scorecam_winograd_convolution(&changed), expected, message);
  };
  using Convolution = scorecam_convolution;
  expect(scorecam_winograd_convolution(nullptr), invalid, "convolution is null");
  with(SCORECAM_STATUS_OK, "", [](Convolution &) {});
  with(SCORECAM_STATUS_OK, "", [](Convolution &c) { c.images = 0, c.input = c.weight = nullptr, c.output = nullptr; });
  with(invalid, "-1 images", [](Convolution &c) { c.images = -1; });
  with(invalid, "-4 x 4", [](Convolution &c) { c.height = -4; });
  with(invalid, "0 x 4", [](Convolution &c) { c.height = 0, c.padding = 2; });
  with(invalid, "4 x 2 with padding 0 have no outputs", [](Convolution &c) { c.width = 2, c.padding = 0; });
  with(invalid, "0 inputs", [](Convolution &c) { c.inputs = 0; });
  with(invalid, "-3 outputs", [](Convolution &c) { c.outputs = -3; });
  with(unsupported, "padding is 3", [](Convolution &c) { c.padding = 3; });
  with(unsupported, "padding is -1", [](Convolution &c) { c.padding = -1; });
  with(invalid, "relu is 2", [](Convolution &c) { c.relu = 2; });
  with(invalid, "input is null", [](Convolution &c) { c.input = nullptr; });
  with(invalid, "weight is null", [](Convolution &c) { c.weight = nullptr; });
  with(invalid, "output is null", [](Convolution &c) { c.output = nullptr; });
  with(invalid, "exceed the address space", [](Convolution &c) { c.images = INT64_MAX; });
  with(invalid, "exceed the address space", [](Convolution &c) { c.height = INT64_MAX; });
}

}  // namespace

int main(int argc, char **argv) {
  return check::run(argc, argv, values, arguments);
}
