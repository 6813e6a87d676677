// Bounded convolutions of 1 x 1 on every instruction set that this machine has, the scalar oracle among them, against
// the definition summed up in double, and bad arguments.
//
//   bounded_pointwise_test values | arguments
#include <algorithm>
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
using convolutions::activated;
using convolutions::expect;

struct Case {
  int64_t images, pixels;  // pixels of an image
  std::vector<int64_t> channels;
  int64_t outputs;
  int32_t activation;
  bool bias;
};

std::string describe(const Case &at) {
  std::string text = std::to_string(at.images) + " of " + std::to_string(at.pixels) + " pixels,";
  for (const int64_t channels : at.channels) text += " " + std::to_string(channels);
  return text + " to " + std::to_string(at.outputs) + ", activation " + std::to_string(at.activation) +
         (at.bias ? ", bias" : "");
}

void compare(const Case &at, const std::vector<std::string> &isas, std::mt19937 &random) {
  int64_t inputs = 0;
  for (const int64_t channels : at.channels) inputs += channels;
  const int64_t pixels = at.images * at.pixels;
  std::vector<Dense> tensors;
  std::vector<const float *> input;
  for (const int64_t channels : at.channels) {
    tensors.emplace_back(pixels * channels);
    tensors.back().fill(random);
    convolutions::share(tensors.back(), at.images, 1, at.pixels, channels, random);
  }
  for (Dense &tensor : tensors) input.push_back(tensor.data());
  // The weight's outputs and inputs lie the other way round; bounds come in all kinds.
  Dense weight(inputs * at.outputs), bias(at.outputs), least(inputs), most(inputs);
  weight.fill(random);
  bias.fill(random);
  least.fill(random);
  for (int64_t i = 0; i < inputs; ++i) {
    most[i] = i % 3 == 0 ? INFINITY : least[i] + static_cast<float>(i % 5);
    if (i % 4 == 0) least[i] = -INFINITY;
  }

  std::vector<double> expected;
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t o = 0; o < at.outputs; ++o) {
      double sum = at.bias ? static_cast<double>(bias[o]) : 0;
      int64_t i = 0;
      for (std::size_t t = 0; t < tensors.size(); ++t)
        for (int64_t c = 0; c < at.channels[t]; ++c, ++i)
          sum += static_cast<double>(weight[i * at.outputs + o]) *
                 static_cast<double>(std::min(std::max(tensors[t][p * at.channels[t] + c], least[i]), most[i]));
      expected.push_back(activated(at.activation, sum));
    }

  const scorecam_tensor view = {
      weight.data(), SCORECAM_DTYPE_FLOAT32, 4, {at.outputs, inputs, 1, 1}, {1, at.outputs, 1, 1}};
  const scorecam_bounded_pointwise_weights weights = {&view, at.bias ? bias.data() : nullptr, least.data(), most.data()};
  int64_t floats = 0;
  variants::ok(scorecam_bounded_pointwise_weight_size(inputs, at.outputs, &floats));
  Dense packed(floats);
  variants::ok(scorecam_bounded_pointwise_pack(&weights, packed.data()));
  CHECK(packed.guards_intact(), "%s: packed beyond its size", describe(at).c_str());

  for (const std::string &isa : isas) {
    variants::use(isa);
    Dense output(pixels * at.outputs);
    const scorecam_bounded_pointwise convolution = {
        at.images, pixels, static_cast<int64_t>(tensors.size()), at.channels.data(), input.data(), at.outputs,
        at.activation, packed.data(), output.data()};
    if (!variants::ok(scorecam_bounded_pointwise_batch(&convolution))) continue;
    convolutions::compare(output, expected, isa + ": " + describe(at));
  }
}

void values(const std::vector<std::string> &isas) {
  std::mt19937 random(23);
  const std::vector<int64_t> tensors[] = {{1}, {16}, {64, 32, 32}, {3, 1, 20}, {0, 5, 0}, {33, 31}, {256, 32, 17}};
  int64_t turn = 0;
  for (const std::vector<int64_t> &channels : tensors)
    for (const int64_t pixels : {0, 1, 3, 13, 28, 29, 61})
      for (const int64_t outputs : {1, 16, 33, 128}) {
        ++turn;
        compare({1 + turn % 4, pixels, channels, outputs, static_cast<int32_t>(turn % 3), turn % 5 != 0}, isas, random);
      }
  // Strips enough for every thread to have several.
  compare({1, 28 * 151 + 11, {64, 32}, 48, SCORECAM_ACTIVATION_RELU, true}, isas, random);
  compare({17, 196, {64, 32}, 48, SCORECAM_ACTIVATION_RELU, true}, isas, random);
}

// A NaN is no number within bounds; an infinity becomes one.
void extremes(const std::vector<std::string> &isas) {
  const float one = 1, least = -2, most = 3;
  const scorecam_tensor weight = {const_cast<float *>(&one), SCORECAM_DTYPE_FLOAT32, 4, {1, 1, 1, 1}, {1, 1, 1, 1}};
  const scorecam_bounded_pointwise_weights weights = {&weight, nullptr, &least, &most};
  int64_t floats = 0;
  variants::ok(scorecam_bounded_pointwise_weight_size(1, 1, &floats));
  std::vector<float> packed(static_cast<std::size_t>(floats));
  variants::ok(scorecam_bounded_pointwise_pack(&weights, packed.data()));
  const float inputs[] = {-INFINITY, -1e30f, 1, 1e30f, INFINITY, NAN}, expected[] = {-2, -2, 1, 3, 3, NAN};
  const float *const input = inputs;
  const int64_t channels = 1;
  for (const std::string &isa : isas) {
    variants::use(isa);
    float output[6] = {};
    const scorecam_bounded_pointwise convolution = {1, 6, 1, &channels, &input, 1, 0, packed.data(), output};
    variants::ok(scorecam_bounded_pointwise_batch(&convolution));
    for (int i = 0; i < 6; ++i)
      CHECK(std::isnan(expected[i]) ? std::isnan(output[i]) : std::memcmp(&output[i], &expected[i], sizeof one) == 0,
            "%s: %g within bounds is %g", isa.c_str(), static_cast<double>(inputs[i]), static_cast<double>(output[i]));
  }
}

void arguments() {
  float floats[64] = {};
  int64_t size = 0;
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT, unsupported = SCORECAM_STATUS_UNSUPPORTED;

  expect(scorecam_bounded_pointwise_weight_size(3, 2, nullptr), invalid, "floats is null");
  expect(scorecam_bounded_pointwise_weight_size(0, 2, &size), invalid, "0 inputs and 2 outputs");
  expect(scorecam_bounded_pointwise_weight_size(3, -1, &size), invalid, "3 inputs and -1 outputs");
  expect(scorecam_bounded_pointwise_weight_size(INT64_MAX, 2, &size), invalid, "exceed the address space");
  expect(scorecam_bounded_pointwise_weight_size(INT64_C(1) << 40, INT64_C(1) << 40, &size), invalid, "exceed");
  expect(scorecam_bounded_pointwise_weight_size(3, 2, &size), SCORECAM_STATUS_OK, "");
  std::vector<float> packed(static_cast<std::size_t>(size));

  using Weights = scorecam_bounded_pointwise_weights;
  const scorecam_tensor weight = {floats, SCORECAM_DTYPE_FLOAT32, 4, {2, 3, 1, 1}, {3, 1, 1, 1}};
  const auto pack = [&](scorecam_status expected, const char *message, const std::function<void(Weights &)> &change) {
    Weights weights = {&weight, floats, floats, floats};
    change(weights);
    expect(scorecam_bounded_pointwise_pack(&weights, packed.data()), expected, message);
  };
  scorecam_tensor wide = weight, flat = weight, empty = weight, odd = weight;
  wide.sizes[3] = 2;
  flat.rank = 2;
  empty.sizes[1] = 0;
  odd.dtype = 7;
  pack(SCORECAM_STATUS_OK, "", [](Weights &) {});
  pack(SCORECAM_STATUS_OK, "", [](Weights &w) { w.bias = nullptr; });
  pack(invalid, "weight is null", [](Weights &w) { w.weight = nullptr; });
  pack(invalid, "weight has shape [2, 3, 1, 2], not [O, I, 1, 1]", [&](Weights &w) { w.weight = &wide; });
  pack(invalid, "weight has rank 2", [&](Weights &w) { w.weight = &flat; });
  pack(invalid, "0 inputs and 2 outputs", [&](Weights &w) { w.weight = &empty; });
  pack(unsupported, "weight has dtype 7", [&](Weights &w) { w.weight = &odd; });
  pack(invalid, "least is null", [](Weights &w) { w.least = nullptr; });
  pack(invalid, "most is null", [](Weights &w) { w.most = nullptr; });
  const Weights good = {&weight, floats, floats, floats};
  expect(scorecam_bounded_pointwise_pack(nullptr, packed.data()), invalid, "weights is null");
  expect(scorecam_bounded_pointwise_pack(&good, nullptr), invalid, "packed is null");

  using Convolution = scorecam_bounded_pointwise;
  const int64_t channels[] = {1, 2}, negative[] = {1, -2}, endless[] = {INT64_MAX, 2};
  const float *const input[] = {floats, floats}, *const missing[] = {floats, nullptr};
  float output[8] = {};
  const auto with = [&](scorecam_status expected, const char *message,
                        const std::function<void(Convolution &)> &change) {
    Convolution convolution = {2, 4, 2, channels, input, 2, SCORECAM_ACTIVATION_RELU, packed.data(), output};
    change(convolution);
    expect(scorecam_bounded_pointwise_batch(&convolution), expected, message);
  };
  with(SCORECAM_STATUS_OK, "", [](Convolution &) {});
  expect(scorecam_bounded_pointwise_batch(nullptr), invalid, "convolution is null");
  with(SCORECAM_STATUS_OK, "", [](Convolution &c) { c.pixels = 0, c.input = nullptr, c.output = nullptr; });
  with(invalid, "-1 pixels in 2 tensors", [](Convolution &c) { c.pixels = -1; });
  with(invalid, "4 pixels are not those of 0 images", [](Convolution &c) { c.images = 0; });
  with(invalid, "4 pixels are not those of 3 images", [](Convolution &c) { c.images = 3; });
  with(invalid, "4 pixels in 0 tensors", [](Convolution &c) { c.tensors = 0; });
  with(invalid, "channels is null", [](Convolution &c) { c.channels = nullptr; });
  with(invalid, "tensor 1 has -2 channels", [&](Convolution &c) { c.channels = negative; });
  with(invalid, "tensor 1 has 2 channels", [&](Convolution &c) { c.channels = endless; });
  with(invalid, "3 inputs and 0 outputs", [](Convolution &c) { c.outputs = 0; });
  with(unsupported, "activation is 7", [](Convolution &c) { c.activation = convolutions::kActivations; });
  with(unsupported, "activation is -1", [](Convolution &c) { c.activation = -1; });
  with(invalid, "exceed the address space", [](Convolution &c) { c.images = 1, c.pixels = INT64_MAX; });
  with(invalid, "input is null", [](Convolution &c) { c.input = nullptr; });
  with(invalid, "tensor 1 has no data", [&](Convolution &c) { c.input = missing; });
  with(invalid, "weight is null", [](Convolution &c) { c.weight = nullptr; });
  with(invalid, "output is null", [](Convolution &c) { c.output = nullptr; });
}

}  // namespace

int main(int argc, char **argv) {
  const auto all_values = [] {
    const std::vector<std::string> isas = variants::all_and_oracle();
    values(isas);
    extremes(isas);
  };
  return check::run(argc, argv, all_values, arguments);
}
