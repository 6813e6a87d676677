// How fast the first convolution of masked images is, by its responses to the cells of a map.
//
//   scorecam_stem_bench [repetitions = 15]
//
// OMP_NUM_THREADS and SCORECAM_MAX_ISA apply. Times are medians of a chunk.
#include <cstdint>
#include <cstdio>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "timing.h"
#include "scorecam.h"

namespace {

using timing::check;
using timing::Floats;
using timing::normal;

struct Network {
  const char *name;
  int64_t outputs, kernel, stride, padding, map;
};

void measure(const Network &network, int64_t rows, int repetitions) {
  constexpr int64_t kSide = 224;
  std::mt19937 random(1);
  const int64_t map = network.map, side = kSide / network.stride, cells = map * map;
  const Floats maps = normal(rows * cells, random);
  const Floats bias = normal(network.outputs, random);
  const Floats output = normal(rows * side * side * network.outputs, random);
  std::vector<scorecam_range> ranges(static_cast<std::size_t>(rows));
  std::vector<int64_t> channels(ranges.size());
  std::iota(channels.begin(), channels.end(), 0);
  const scorecam_masking masking = {SCORECAM_UPSAMPLING_BILINEAR, SCORECAM_NORMALISE_AFTER, 1e-8f, 0};
  scorecam_stem stem = {};
  stem.activations = {maps.get(), SCORECAM_DTYPE_FLOAT32, 3, {rows, map, map}, {cells, map, 1}};
  stem.ranges = ranges.data();
  stem.height = stem.width = kSide;
  stem.window = {{network.kernel, network.kernel}, {network.stride, network.stride}, {network.padding, network.padding}, {1, 1}};
  stem.outputs = network.outputs;
  stem.bias = bias.get();
  stem.highest = std::numeric_limits<float>::infinity();
  check(scorecam_channel_range(&stem.activations, kSide, kSide, &masking, ranges.data()));
  const int64_t sizes[2] = {map, map}, image[2] = {kSide, kSide};
  int64_t classes[2];
  check(scorecam_stem_classes(masking.upsampling, sizes, image, &stem.window, classes));
  const Floats responses = normal(classes[0] * classes[1] * side * side * network.outputs, random);
  stem.responses = responses.get();
  const scorecam_tensor out = {output.get(), SCORECAM_DTYPE_FLOAT32, 4, {rows, network.outputs, side, side},
                               {side * side * network.outputs, 1, side * network.outputs, network.outputs}};
  const std::vector<double> times = timing::times(repetitions, [&] { check(scorecam_stem_batch(&stem, channels.data(), &masking, &out)); });
  const double median = times[times.size() / 2];
  const double bytes = 4.0 * static_cast<double>(rows * side * side * network.outputs);
  std::printf("%-14s %4ld %4ldx%-4ld %9.2f %8.2f %8.3f %8.1f\n", network.name, static_cast<long>(rows), static_cast<long>(classes[0]),
              static_cast<long>(classes[1]), 1e3 * median, 1e3 * times.front(), 1e3 * median / static_cast<double>(rows),
              bytes / median / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  const int repetitions = timing::repetitions(argc, argv, 1, 15);
  timing::introduce();
  std::printf("network        rows   classes        ms  best ms   ms/row     GB/s\n");
  const Network networks[] = {{"resnet", 64, 7, 2, 3, 7}, {"mobilenet", 32, 3, 2, 1, 7}, {"vgg", 64, 3, 1, 1, 14}};
  for (const Network &network : networks)
    for (const int64_t rows : {16, 8}) measure(network, rows, repetitions);
  return 0;
}
