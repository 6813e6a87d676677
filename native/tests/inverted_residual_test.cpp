// Inverted residuals on every instruction set that this machine has, the scalar oracle among them, against the
// definition summed up in double, and bad arguments.
//
//   inverted_residual_test values | arguments
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
using convolutions::activated;
using convolutions::expect;
using convolutions::kActivations;

struct Case {
  int64_t images, height, width;
  int64_t inputs, hidden, outputs;
  int32_t side, stride, activation;
  bool expands, adds_input, biases, shares;
  int64_t squeezed = 0;
  int32_t squeeze_activation = SCORECAM_ACTIVATION_NONE, gate = SCORECAM_ACTIVATION_NONE;
};

std::string describe(const Case &at) {
  char text[200];
  std::snprintf(text, sizeof text,
                "%" PRId64 " of %" PRId64 "x%" PRId64 ", %" PRId64 "-%" PRId64 "-%" PRId64 ", %dx%d/%d, activation %d%s%s%s%s, squeezed to "
                "%" PRId64 " by %d and %d",
                at.images, at.height, at.width, at.inputs, at.hidden, at.outputs, at.side, at.side, at.stride,
                at.activation, at.expands ? "" : ", not expanded", at.adds_input ? ", added" : "",
                at.biases ? ", biases" : "", at.shares ? ", shared pixels" : "",
                at.squeezed, at.squeeze_activation, at.gate);
  return text;
}

// Weights [O, I, side, side] behind the library's view of them; Array has [O * I, side, side].
class Weights {
 public:
  Weights(int64_t outputs, int64_t inputs, int64_t side, std::size_t turn, std::mt19937 &random)
      : inputs_(inputs),
        array_(SCORECAM_DTYPE_FLOAT32, {outputs * inputs, side, side}, kLayouts[turn % 4]),
        bias(outputs) {
    const float largest = 2 / std::sqrt(static_cast<float>(inputs * side * side));
    arrays::fill_uniform(array_, random, -largest, largest);
    bias.fill(random);
    view = {array_.tensor.data,
            SCORECAM_DTYPE_FLOAT32,
            4,
            {outputs, inputs, side, side},
            {array_.tensor.strides[0] * inputs, array_.tensor.strides[0], array_.tensor.strides[1],
             array_.tensor.strides[2]}};
  }

  double at(int64_t o, int64_t i, int64_t r, int64_t s) const { return array_.at(o * inputs_ + i, r, s); }

 private:
  static constexpr Layout kLayouts[] = {Layout::contiguous, Layout::channels_last, Layout::gaps, Layout::reversed};
  const int64_t inputs_;
  arrays::Array array_;

 public:
  Dense bias;
  scorecam_tensor view;
};
constexpr Layout Weights::kLayouts[];

struct Block {
  Block(const Case &at, std::size_t turn, std::mt19937 &random)
      : expand(at.hidden, at.inputs, 1, turn, random),
        filter(at.hidden, 1, at.side, turn / 2, random),
        squeeze(std::max<int64_t>(1, at.squeezed), at.hidden, 1, turn / 5, random),
        excite(at.hidden, std::max<int64_t>(1, at.squeezed), 1, turn / 7, random),
        project(std::max<int64_t>(1, at.outputs), at.hidden, 1, turn / 3, random) {}

  Weights expand, filter, squeeze, excite, project;
};

std::vector<double> define(const Case &at, Dense &input, Block &block) {
  const int64_t out_height = (at.height - 1) / at.stride + 1, out_width = (at.width - 1) / at.stride + 1;
  const auto bias = [&](Weights &of, int64_t c) { return at.biases ? static_cast<double>(of.bias[c]) : 0.0; };
  std::vector<double> expanded;  // [N, H, W, E]
  for (int64_t pixel = 0; pixel < at.images * at.height * at.width; ++pixel)
    for (int64_t e = 0; e < at.hidden; ++e) {
      double sum = at.expands ? bias(block.expand, e) : static_cast<double>(input[pixel * at.inputs + e]);
      for (int64_t i = 0; at.expands && i < at.inputs; ++i)
        sum += block.expand.at(e, i, 0, 0) * static_cast<double>(input[pixel * at.inputs + i]);
      expanded.push_back(at.expands ? activated(at.activation, sum) : sum);
    }
  std::vector<double> filtered;  // [N, out_height, out_width, E]
  for (int64_t n = 0; n < at.images; ++n)
    for (int64_t y = 0; y < out_height; ++y)
      for (int64_t x = 0; x < out_width; ++x)
        for (int64_t e = 0; e < at.hidden; ++e) {
          double sum = bias(block.filter, e);
          for (int64_t tap = 0; tap < at.side * at.side; ++tap) {
            const int64_t row = y * at.stride + tap / at.side - at.side / 2;
            const int64_t column = x * at.stride + tap % at.side - at.side / 2;
            if (row < 0 || row >= at.height || column < 0 || column >= at.width) continue;
            sum += block.filter.at(e, 0, tap / at.side, tap % at.side) *
                   expanded[static_cast<std::size_t>(((n * at.height + row) * at.width + column) * at.hidden + e)];
          }
          filtered.push_back(activated(at.activation, sum));
        }
  const int64_t pixels = out_height * out_width;
  for (int64_t n = 0; n < at.images && at.squeezed > 0; ++n) {
    double *const of_image = filtered.data() + n * pixels * at.hidden;
    std::vector<double> mean(static_cast<std::size_t>(at.hidden)), squeezed;
    for (int64_t i = 0; i < pixels * at.hidden; ++i)
      mean[static_cast<std::size_t>(i % at.hidden)] += of_image[i] / static_cast<double>(pixels);
    for (int64_t q = 0; q < at.squeezed; ++q) {
      double sum = bias(block.squeeze, q);
      for (int64_t e = 0; e < at.hidden; ++e) sum += block.squeeze.at(q, e, 0, 0) * mean[static_cast<std::size_t>(e)];
      squeezed.push_back(activated(at.squeeze_activation, sum));
    }
    for (int64_t e = 0; e < at.hidden; ++e) {
      double sum = bias(block.excite, e);
      for (int64_t q = 0; q < at.squeezed; ++q) sum += block.excite.at(e, q, 0, 0) * squeezed[static_cast<std::size_t>(q)];
      for (int64_t pixel = 0; pixel < pixels; ++pixel) of_image[pixel * at.hidden + e] *= activated(at.gate, sum);
    }
  }
  if (at.outputs == 0) return filtered;
  std::vector<double> output;
  for (int64_t pixel = 0; pixel < at.images * pixels; ++pixel)
    for (int64_t o = 0; o < at.outputs; ++o) {
      double sum = bias(block.project, o);
      for (int64_t e = 0; e < at.hidden; ++e)
        sum += block.project.at(o, e, 0, 0) * filtered[static_cast<std::size_t>(pixel * at.hidden + e)];
      output.push_back(at.adds_input ? sum + static_cast<double>(input[pixel * at.inputs + o]) : sum);
    }
  return output;
}

void compare(const Case &at, const std::vector<std::string> &isas, std::mt19937 &random, std::size_t turn) {
  Dense input(at.images * at.height * at.width * at.inputs);
  input.fill(random);
  if (at.shares) convolutions::share(input, at.images, at.height, at.width, at.inputs, random);
  Block block(at, turn, random);
  const std::vector<double> expected = define(at, input, block);

  const auto bias = [&](Weights &of) { return at.biases ? of.bias.data() : nullptr; };
  const scorecam_inverted_residual_weights weights = {
      at.expands ? &block.expand.view : nullptr,       bias(block.expand),  &block.filter.view, bias(block.filter),
      at.squeezed > 0 ? &block.squeeze.view : nullptr, bias(block.squeeze),
      at.squeezed > 0 ? &block.excite.view : nullptr,  bias(block.excite),
      at.outputs > 0 ? &block.project.view : nullptr,  bias(block.project)};
  int64_t floats = 0;
  variants::ok(scorecam_inverted_residual_weight_size(at.expands ? at.inputs : 0, at.hidden, at.squeezed, at.outputs,
                                                      at.side, &floats));
  Dense packed(floats);
  variants::ok(scorecam_inverted_residual_pack(&weights, packed.data()));
  CHECK(packed.guards_intact(), "%s: packed beyond its size", describe(at).c_str());

  for (const std::string &isa : isas) {
    variants::use(isa);
    Dense output(static_cast<int64_t>(expected.size()));
    const scorecam_inverted_residual residual = {
        at.images, at.height,     at.width,     at.inputs,      at.hidden,   at.squeezed,   at.outputs,
        at.side,   at.stride,     at.activation, at.squeeze_activation, at.gate, at.expands, at.adds_input,
        input.data(), packed.data(), output.data()};
    if (!variants::ok(scorecam_inverted_residual_batch(&residual))) continue;
    convolutions::compare(output, expected, isa + ": " + describe(at));
  }
}

void values() {
  std::vector<std::string> isas = variants::all_and_oracle();
  std::mt19937 random(17);
  const int64_t sizes[][2] = {{1, 1}, {2, 3}, {5, 4}, {7, 7}, {9, 13}, {8, 20}};
  const int64_t channels[][3] = {{1, 1, 1}, {3, 8, 0}, {8, 15, 8}, {16, 96, 24}, {24, 17, 24}, {40, 33, 0}, {5, 48, 70}};
  std::size_t turn = 0;
  for (const auto &size : sizes)
    for (const auto &channel : channels)
      for (const int32_t side : {3, 5})
        for (const int32_t stride : {1, 2}) {
          ++turn;
          // All combinations of the flags come by; images from none to more than there are threads.
          const bool expands = turn % 3 != 0;
          const int64_t inputs = expands ? channel[0] : channel[1];
          const bool adds_input = stride == 1 && inputs == channel[2] && turn % 4 != 0;
          const int64_t squeezed = channel[2] > 0 && turn % 5 > 1 ? channel[1] / 2 + 1 : 0;
          compare({static_cast<int64_t>(turn * 7 % 6), size[0], size[1], inputs, channel[1], channel[2], side, stride,
                   static_cast<int32_t>(turn % kActivations), expands, adds_input, turn % 7 != 0, turn % 3 != 1, squeezed,
                   static_cast<int32_t>(turn / 2 % kActivations), static_cast<int32_t>(turn / 3 % kActivations)},
                  isas, random, turn);
        }
  for (int32_t activation = 0; activation < kActivations; ++activation)
    for (const bool expands : {true, false}) {
      ++turn;
      compare({1, 11, 9, 16, expands ? 32 : 16, 16, 3, 1, activation, expands, true, true, false}, isas, random, turn);
    }
  // Rows enough for every thread to have several.
  isas.pop_back();
  compare({2, 40, 37, 24, 144, 24, 3, 1, SCORECAM_ACTIVATION_RELU6, true, true, true, false}, isas, random, 0);
  compare({7, 30, 28, 24, 144, 0, 5, 2, SCORECAM_ACTIVATION_SILU, true, false, true, false}, isas, random, 1);
  compare({7, 30, 28, 24, 144, 24, 5, 1, SCORECAM_ACTIVATION_RELU6, true, true, true, true}, isas, random, 2);
  // Images of several rounds of rows, and rounds of several images, squeezed.
  for (const int64_t side : {30, 6})
    compare({7, side, side, 24, 144, 24, 5, 1, SCORECAM_ACTIVATION_SILU, true, true, true, true, 6,
             SCORECAM_ACTIVATION_SILU, SCORECAM_ACTIVATION_SIGMOID},
            isas, random, 3);
  // One image after the other by all threads.
  for (const int64_t images : {1, 3})
    for (const int32_t stride : {1, 2})
      compare({images, 41, 37, 24, 144, 24, 5, stride, SCORECAM_ACTIVATION_SILU, true, stride == 1, true, true, 6,
               SCORECAM_ACTIVATION_SILU, SCORECAM_ACTIVATION_SIGMOID},
              isas, random, 4);
}

// Activations of what no network should give them, and of the largest and the smallest.
void extremes(const std::vector<std::string> &isas) {
  const float inputs[] = {-INFINITY, -1e30f, -100, -88, -3, -0.0f, 1e-30f, 3, 6, 88, 100, 1e30f, INFINITY, NAN};
  const float one = 1, centre[9] = {0, 0, 0, 0, 1, 0, 0, 0, 0};
  const scorecam_tensor filter = {const_cast<float *>(centre), SCORECAM_DTYPE_FLOAT32, 4, {1, 1, 3, 3}, {9, 9, 3, 1}};
  const scorecam_tensor expand = {const_cast<float *>(&one), SCORECAM_DTYPE_FLOAT32, 4, {1, 1, 1, 1}, {1, 1, 1, 1}};
  const scorecam_inverted_residual_weights weights = {&expand, nullptr, &filter, nullptr, nullptr, nullptr,
                                                     nullptr, nullptr, nullptr, nullptr};
  int64_t floats = 0;
  variants::ok(scorecam_inverted_residual_weight_size(1, 1, 0, 0, 3, &floats));
  std::vector<float> packed(static_cast<std::size_t>(floats));
  variants::ok(scorecam_inverted_residual_pack(&weights, packed.data()));
  for (const std::string &isa : isas) {
    variants::use(isa);
    for (int32_t activation = 0; activation < kActivations; ++activation)
      for (const float input : inputs) {
        float output = 0;
        const scorecam_inverted_residual block = {1, 1, 1, 1, 1, 0, 0, 3, 1, activation, 0, 0, 1, 0,
                                                  &input, packed.data(), &output};
        variants::ok(scorecam_inverted_residual_batch(&block));
        const double once = activated(activation, static_cast<double>(input));
        const double expected = activated(activation, once);
        if (std::isnan(input))
          CHECK(std::isnan(output), "%s: activation %d of NaN is %g", isa.c_str(), activation, static_cast<double>(output));
        else if (!std::isinf(input))
          CHECK(std::fabs(static_cast<double>(output) - expected) <= 1e-6 * std::fabs(expected) + 1e-38 * std::fabs(static_cast<double>(input)),
                "%s: activation %d of %g is %g, not %g", isa.c_str(), activation, static_cast<double>(input),
                static_cast<double>(output), expected);
        else if (input > 0)
          CHECK(static_cast<double>(output) == expected || std::fabs(static_cast<double>(output) - expected) <= 1e-6,
                "%s: activation %d of infinity is %g", isa.c_str(), activation,
                static_cast<double>(output));
      }
  }
}

void arguments() {
  float input[4 * 4 * 2] = {}, output[4 * 4 * 3] = {}, weight[3 * 5 * 9] = {}, bias[5] = {};
  int64_t floats = 0;
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT, unsupported = SCORECAM_STATUS_UNSUPPORTED;

  expect(scorecam_inverted_residual_weight_size(2, 5, 4, 3, 3, nullptr), invalid, "floats is null");
  expect(scorecam_inverted_residual_weight_size(-1, 5, 4, 3, 3, &floats), invalid, "-1 inputs, 5 hidden channels");
  expect(scorecam_inverted_residual_weight_size(2, 0, 4, 3, 3, &floats), invalid, "0 hidden channels");
  expect(scorecam_inverted_residual_weight_size(2, 5, 4, -3, 3, &floats), invalid, "-3 outputs");
  expect(scorecam_inverted_residual_weight_size(2, 5, -4, 3, 3, &floats), invalid, "-4 squeezed ones");
  expect(scorecam_inverted_residual_weight_size(2, 5, 4, 3, 7, &floats), unsupported, "7 x 7, not 3 x 3 or 5 x 5");
  expect(scorecam_inverted_residual_weight_size(2, INT64_MAX, 4, 3, 3, &floats), invalid, "exceed the address space");
  expect(scorecam_inverted_residual_weight_size(INT64_C(1) << 40, INT64_C(1) << 40, 4, 3, 3, &floats), invalid, "exceed");
  expect(scorecam_inverted_residual_weight_size(2, INT64_C(1) << 40, INT64_C(1) << 40, 3, 3, &floats), invalid, "exceed");
  expect(scorecam_inverted_residual_weight_size(2, 5, 4, 3, 3, &floats), SCORECAM_STATUS_OK, "");
  std::vector<float> packed(static_cast<std::size_t>(floats));

  const scorecam_tensor expand = {weight, SCORECAM_DTYPE_FLOAT32, 4, {5, 2, 1, 1}, {2, 1, 1, 1}};
  const scorecam_tensor filter = {weight, SCORECAM_DTYPE_FLOAT32, 4, {5, 1, 3, 3}, {9, 9, 3, 1}};
  const scorecam_tensor project = {weight, SCORECAM_DTYPE_FLOAT32, 4, {3, 5, 1, 1}, {5, 1, 1, 1}};
  const scorecam_tensor squeeze = {weight, SCORECAM_DTYPE_FLOAT32, 4, {4, 5, 1, 1}, {5, 1, 1, 1}};
  const scorecam_tensor excite = {weight, SCORECAM_DTYPE_FLOAT32, 4, {5, 4, 1, 1}, {4, 1, 1, 1}};
  const scorecam_inverted_residual_weights good = {&expand, bias,    &filter, bias,     &squeeze,
                                                   bias,    &excite, bias,    &project, bias};
  const auto pack_with = [&](scorecam_status expected, const char *message,
                             const std::function<void(scorecam_tensor &, scorecam_tensor &, scorecam_tensor &)> &change) {
    scorecam_tensor e = expand, f = filter, p = project;
    change(e, f, p);
    const scorecam_inverted_residual_weights changed = {&e, bias, &f, bias, &squeeze, bias, &excite, bias, &p, bias};
    expect(scorecam_inverted_residual_pack(&changed, packed.data()), expected, message);
  };
  using Tensor = scorecam_tensor;
  expect(scorecam_inverted_residual_pack(&good, packed.data()), SCORECAM_STATUS_OK, "");
  expect(scorecam_inverted_residual_pack(nullptr, packed.data()), invalid, "weights is null");
  expect(scorecam_inverted_residual_pack(&good, nullptr), invalid, "packed is null");
  const auto pack_changed = [&](const char *message,
                                const std::function<void(scorecam_inverted_residual_weights &)> &change) {
    scorecam_inverted_residual_weights changed = good;
    change(changed);
    expect(scorecam_inverted_residual_pack(&changed, packed.data()), invalid, message);
  };
  using Parts = scorecam_inverted_residual_weights;
  pack_changed("filter is null", [](Parts &parts) { parts.filter = nullptr; });
  pack_changed("of squeeze and excite only one is null", [](Parts &parts) { parts.squeeze = nullptr; });
  pack_changed("of squeeze and excite only one is null", [](Parts &parts) { parts.excite = nullptr; });
  pack_changed("squeeze has shape [3, 4, 1, 1], not [Q, E, 1, 1] with E = 5", [&](Parts &parts) {
    static const scorecam_tensor narrow = {weight, SCORECAM_DTYPE_FLOAT32, 4, {3, 4, 1, 1}, {4, 1, 1, 1}};
    parts.squeeze = &narrow;
  });
  pack_changed("squeeze has 4 outputs, excite 2 inputs", [&](Parts &parts) { parts.excite = &expand; });
  pack_with(invalid, "filter has shape [5, 2, 3, 3]", [](Tensor &, Tensor &f, Tensor &) { f.sizes[1] = 2; });
  pack_with(invalid, "filter has shape [5, 1, 3, 1]", [](Tensor &, Tensor &f, Tensor &) { f.sizes[3] = 1; });
  pack_with(unsupported, "1 x 1, not 3 x 3", [](Tensor &, Tensor &f, Tensor &) { f.sizes[2] = f.sizes[3] = 1; });
  pack_with(invalid, "expand has shape [4, 2, 1, 1], not [E, I, 1, 1] with E = 5", [](Tensor &e, Tensor &, Tensor &) { e.sizes[0] = 4; });
  pack_with(invalid, "project has shape [3, 4, 1, 1], not [O, E, 1, 1] with E = 5", [](Tensor &, Tensor &, Tensor &p) { p.sizes[1] = 4; });
  pack_with(invalid, "expand has shape [5, 0, 1, 1]", [](Tensor &e, Tensor &, Tensor &) { e.sizes[1] = 0; });
  pack_with(invalid, "project has rank 3", [](Tensor &, Tensor &, Tensor &p) { p.rank = 3; });
  pack_with(unsupported, "expand has dtype 7", [](Tensor &e, Tensor &, Tensor &) { e.dtype = 7; });
  pack_with(invalid, "has no data", [](Tensor &, Tensor &f, Tensor &) { f.data = nullptr; });

  using Block = scorecam_inverted_residual;
  const Block right = {1, 4, 4, 2, 5, 4, 3, 3, 1, 0, 0, 0, 1, 0, input, packed.data(), output};
  const auto with = [&](scorecam_status expected, const char *message, const std::function<void(Block &)> &change) {
    Block changed = right;
    change(changed);
    expect(scorecam_inverted_residual_batch(&changed), expected, message);
  };
  expect(scorecam_inverted_residual_batch(nullptr), invalid, "block is null");
  with(SCORECAM_STATUS_OK, "", [](Block &) {});
  with(SCORECAM_STATUS_OK, "", [](Block &b) { b.images = 0, b.input = b.weight = nullptr, b.output = nullptr; });
  with(invalid, "-1 images", [](Block &b) { b.images = -1; });
  with(invalid, "0 x 4", [](Block &b) { b.height = 0; });
  with(invalid, "4 x -4", [](Block &b) { b.width = -4; });
  with(invalid, "with 0 channels", [](Block &b) { b.inputs = 0; });
  with(invalid, "0 hidden channels", [](Block &b) { b.hidden = 0; });
  with(unsupported, "4 x 4, not", [](Block &b) { b.side = 4; });
  with(unsupported, "stride is 3", [](Block &b) { b.stride = 3; });
  with(unsupported, "activation is 7", [](Block &b) { b.activation = kActivations; });
  with(unsupported, "activation is 8", [](Block &b) { b.squeeze_activation = kActivations + 1; });
  with(unsupported, "activation is -2", [](Block &b) { b.gate = -2; });
  with(invalid, "-4 squeezed ones", [](Block &b) { b.squeezed = -4; });
  with(invalid, "what 4 squeezed channels scale is not projected", [](Block &b) { b.outputs = 0; });
  with(unsupported, "activation is -1", [](Block &b) { b.activation = -1; });
  with(invalid, "expands is 2", [](Block &b) { b.expands = 2; });
  with(invalid, "adds_input is -1", [](Block &b) { b.adds_input = -1; });
  with(invalid, "2 inputs are not expanded to 5", [](Block &b) { b.expands = 0; });
  with(invalid, "2 channels cannot be added to 3 outputs", [](Block &b) { b.adds_input = 1; });
  with(invalid, "cannot be added to 2 outputs with stride 2", [](Block &b) { b.outputs = 2, b.stride = 2, b.adds_input = 1; });
  with(invalid, "input is null", [](Block &b) { b.input = nullptr; });
  with(invalid, "weight is null", [](Block &b) { b.weight = nullptr; });
  with(invalid, "output is null", [](Block &b) { b.output = nullptr; });
  with(invalid, "exceed the address space", [](Block &b) { b.images = INT64_MAX; });
  with(invalid, "exceed the address space", [](Block &b) { b.height = INT64_MAX; });
}

}  // namespace

int main(int argc, char **argv) {
  const auto all_values = [] {
    values();
    extremes(variants::all_and_oracle());
  };
  return check::run(argc, argv, all_values, arguments);
}
