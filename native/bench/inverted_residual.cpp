// How fast the inverted residuals of MobileNetV2 and EfficientNet-B0 are on images of 224 x 224.
//
//   scorecam_inverted_residual_bench [repetitions = 15]
//
// OMP_NUM_THREADS and SCORECAM_MAX_ISA apply. Times are medians, of a chunk of 16.
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "scorecam.h"
#include "timing.h"

namespace {

using timing::check;
using timing::Floats;
using timing::normal;

constexpr int64_t kImages = 16;

struct Shape {
  int64_t side, inputs, hidden, outputs;
  int32_t filter, stride, activation;
  int64_t squeezed;
};

void measure(const Shape &shape, int repetitions) {
  std::mt19937 random(1);
  const bool expands = shape.inputs != shape.hidden;
  const int64_t out_side = (shape.side - 1) / shape.stride + 1;
  const int64_t channels = shape.outputs > 0 ? shape.outputs : shape.hidden;
  const Floats input = normal(kImages * shape.side * shape.side * shape.inputs, random);
  const Floats output = normal(kImages * out_side * out_side * channels, random);
  int64_t floats = 0;
  check(scorecam_inverted_residual_weight_size(expands ? shape.inputs : 0, shape.hidden, shape.squeezed,
                                               shape.outputs, shape.filter, &floats));
  const Floats packed = normal(floats, random);

  scorecam_inverted_residual block = {};
  block.images = kImages;
  block.height = block.width = shape.side;
  block.inputs = shape.inputs;
  block.hidden = shape.hidden;
  block.squeezed = shape.squeezed;
  block.outputs = shape.outputs;
  block.side = shape.filter;
  block.stride = shape.stride;
  block.activation = block.squeeze_activation = shape.activation;
  block.gate = SCORECAM_ACTIVATION_SIGMOID;
  block.expands = expands;
  block.adds_input = shape.stride == 1 && shape.inputs == shape.outputs;
  block.input = input.get();
  block.weight = packed.get();
  block.output = output.get();
  const std::vector<double> times = timing::times(repetitions, [&] { check(scorecam_inverted_residual_batch(&block)); });
  const double median = times[times.size() / 2];
  const int64_t operations = 2 * kImages * shape.hidden *
                             (expands * shape.side * shape.side * shape.inputs +
                              out_side * out_side * (shape.filter * shape.filter + shape.outputs));
  std::printf("%3ld-%-3ld-%-2ld %3ldx%-3ld %dx%d /%d %-5s %9.3f %8.3f %8.0f\n", static_cast<long>(shape.inputs),
              static_cast<long>(shape.hidden), static_cast<long>(shape.outputs), static_cast<long>(shape.side),
              static_cast<long>(shape.side), shape.filter, shape.filter, shape.stride,
              shape.activation == SCORECAM_ACTIVATION_SILU ? "SiLU" : "ReLU6", 1e3 * median / kImages,
              1e3 * times.front() / kImages, static_cast<double>(operations) / median / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  const int repetitions = timing::repetitions(argc, argv, 1, 15);
  timing::introduce();
  std::printf("channels      image filter       ms/image  best ms  GFLOP/s\n");
  constexpr int32_t relu6 = SCORECAM_ACTIVATION_RELU6, silu = SCORECAM_ACTIVATION_SILU;
  const Shape shapes[] = {
      {112, 32, 32, 16, 3, 1, relu6, 0},  {112, 16, 96, 24, 3, 2, relu6, 0},  {56, 24, 144, 24, 3, 1, relu6, 0},
      {56, 24, 144, 32, 3, 2, relu6, 0},  {28, 32, 192, 32, 3, 1, relu6, 0},  {28, 32, 192, 64, 3, 2, relu6, 0},
      {14, 64, 384, 64, 3, 1, relu6, 0},  {14, 96, 576, 96, 3, 1, relu6, 0},  {14, 96, 576, 160, 3, 2, relu6, 0},
      {7, 160, 960, 320, 3, 1, relu6, 0}, {112, 32, 32, 16, 3, 1, silu, 8},   {112, 16, 96, 24, 3, 2, silu, 4},
      {56, 24, 144, 24, 3, 1, silu, 6},   {56, 24, 144, 40, 5, 2, silu, 6},   {28, 40, 240, 40, 5, 1, silu, 10},
      {28, 40, 240, 80, 3, 2, silu, 10},  {14, 80, 480, 80, 3, 1, silu, 20},  {14, 112, 672, 112, 5, 1, silu, 28},
      {14, 112, 672, 192, 5, 2, silu, 28}, {7, 192, 1152, 192, 5, 1, silu, 48}};
  for (const Shape &shape : shapes) measure(shape, repetitions);
  return 0;
}
