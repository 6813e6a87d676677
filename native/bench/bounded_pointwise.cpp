// How fast the bounded convolutions of DenseNet-121 are on images of 224 x 224.
//
//   scorecam_bounded_pointwise_bench [repetitions = 15]
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

constexpr int64_t kImages = 16, kGrowth = 32, kOutputs = 128;

// A layer of a block that is given `first` channels, after some other layers.
void measure(int64_t side, int64_t first, int64_t layers_before, int repetitions) {
  std::mt19937 random(1);
  const int64_t pixels = kImages * side * side, inputs = first + layers_before * kGrowth;
  std::vector<Floats> tensors;
  std::vector<int64_t> channels;
  std::vector<const float *> input;
  for (int64_t t = 0; t <= layers_before; ++t) {
    channels.push_back(t == 0 ? first : kGrowth);
    tensors.push_back(normal(pixels * channels.back(), random));
    input.push_back(tensors.back().get());
  }
  int64_t floats = 0;
  check(scorecam_bounded_pointwise_weight_size(inputs, kOutputs, &floats));
  const Floats packed = normal(floats, random), output = normal(pixels * kOutputs, random);

  const scorecam_bounded_pointwise convolution = {kImages,
                                                  pixels,
                                                  static_cast<int64_t>(channels.size()),
                                                  channels.data(),
                                                  input.data(),
                                                  kOutputs,
                                                  SCORECAM_ACTIVATION_RELU,
                                                  packed.get(),
                                                  output.get()};
  const std::vector<double> times =
      timing::times(repetitions, [&] { check(scorecam_bounded_pointwise_batch(&convolution)); });
  const double median = times[times.size() / 2];
  std::printf("%4ld from %2ld %3ldx%-3ld %9.3f %8.3f %8.0f\n", static_cast<long>(inputs),
              static_cast<long>(channels.size()), static_cast<long>(side), static_cast<long>(side),
              1e3 * median / kImages, 1e3 * times.front() / kImages,
              2 * static_cast<double>(pixels * inputs * kOutputs) / median / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  const int repetitions = timing::repetitions(argc, argv, 1, 15);
  timing::introduce();
  std::printf("channels     image    ms/image  best ms  GFLOP/s\n");
  const int64_t blocks[][3] = {{56, 64, 6}, {28, 128, 12}, {14, 256, 24}, {7, 512, 16}};
  for (const auto &block : blocks)
    for (const int64_t layer : {int64_t{0}, block[2] / 2, block[2] - 1})
      measure(block[0], block[1], layer, repetitions);
  return 0;
}
