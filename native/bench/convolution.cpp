// How fast the 3 x 3 convolutions of ResNet-18 are.
//
//   scorecam_convolution_bench [repetitions = 15]
//
// OMP_NUM_THREADS and SCORECAM_MAX_ISA apply. Times are medians; GFLOP/s count the multiplications and additions of the
// definition, of which Winograd's algorithm needs a quarter.
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "timing.h"
#include "scorecam.h"

namespace {

using timing::check;
using timing::Floats;
using timing::normal;
using timing::seconds;

void measure(int64_t images, int64_t channels, int64_t side, int repetitions) {
  std::mt19937 random(1);
  const Floats input = normal(images * side * side * channels, random);
  const Floats weight = normal(9 * channels * channels, random);
  const Floats bias = normal(channels, random);
  const Floats output = normal(images * side * side * channels, random);
  const scorecam_tensor tensor = {weight.get(), SCORECAM_DTYPE_FLOAT32, 4, {channels, channels, 3, 3},
                                  {9 * channels, 9, 3, 1}};
  int64_t floats = 0;
  check(scorecam_winograd_weight_size(channels, channels, &floats));
  const Floats packed = normal(floats, random);
  double start = seconds();
  check(scorecam_winograd_pack(&tensor, packed.get()));
  const double pack = seconds() - start;

  scorecam_convolution convolution = {};
  convolution.images = images;
  convolution.height = convolution.width = side;
  convolution.inputs = convolution.outputs = channels;
  convolution.padding = convolution.relu = 1;
  convolution.input = input.get();
  convolution.weight = packed.get();
  convolution.bias = bias.get();
  convolution.output = output.get();
  const std::vector<double> times = timing::times(repetitions, [&] { check(scorecam_winograd_convolution(&convolution)); });
  const double median = times[times.size() / 2];
  const double operations = 18.0 * static_cast<double>(images * side * side * channels * channels);
  std::printf("%6ld %5ld to %-5ld %2ldx%-2ld %9.2f %8.2f %8.2f %8.0f\n", static_cast<long>(images),
              static_cast<long>(channels), static_cast<long>(channels), static_cast<long>(side),
              static_cast<long>(side), 1e3 * pack, 1e3 * median, 1e3 * times.front(), operations / median / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  const int repetitions = timing::repetitions(argc, argv, 1, 15);
  timing::introduce();
  std::printf("images channels        size   pack ms       ms  best ms  GFLOP/s\n");
  for (const int64_t images : {32, 16, 8})
    for (const int64_t stage : {0, 1, 2, 3}) measure(images, int64_t{64} << stage, 56 >> stage, repetitions);
  return 0;
}
