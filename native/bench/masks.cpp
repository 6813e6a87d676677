// How fast masked images are written, compared with a plain loop that stores the same bytes to the same chunk.
//
//   scorecam_bench [rows of a chunk = 32] [repetitions = 9]
//
// OMP_NUM_THREADS and SCORECAM_MAX_ISA apply. For each chunk the store loop and the kernel are timed one after the
// other, so that both see the same weather, and the best repetition of each is taken, since others on the machine can
// only slow them down. Times are sums over the chunks.
#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "timing.h"
#include "scorecam.h"

namespace {

constexpr int64_t kChannels = 3, kSide = 224, kPixels = kSide * kSide, kSample = kChannels * kPixels;

struct Case {
  int64_t maps, side;
  int32_t upsampling, dtype;
  bool channels_last;
};

using timing::check;
using timing::seconds;

void store_loop(float *data, int64_t floats, float value) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < floats; ++i) data[i] = value;
}

void measure(const Case &at, int64_t chunk_rows, int repetitions) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0, 1);
  std::vector<float> maps(static_cast<std::size_t>(at.maps * at.side * at.side)), image(kSample);
  for (float &value : maps) value = uniform(random);
  for (float &value : image) value = 4 * uniform(random) - 2;
  const timing::Floats chunk = timing::allocate(chunk_rows * kSample);
  std::vector<scorecam_range> ranges(static_cast<std::size_t>(at.maps));
  std::vector<int64_t> channels(ranges.size());
  for (std::size_t k = 0; k < channels.size(); ++k) channels[k] = static_cast<int64_t>(k);

  const scorecam_masking masking = {at.upsampling, SCORECAM_NORMALISE_AFTER, 1e-8f, 0};
  scorecam_source source = {};
  source.activations = {maps.data(), SCORECAM_DTYPE_FLOAT32, 3, {at.maps, at.side, at.side, 0},
                        {at.side * at.side, at.side, 1, 0}};
  source.image = {image.data(), SCORECAM_DTYPE_FLOAT32, 3, {kChannels, kSide, kSide, 0}, {kPixels, kSide, 1, 0}};
  source.ranges = ranges.data();
  scorecam_tensor out = {chunk.get(), at.dtype, 4, {chunk_rows, kChannels, kSide, kSide},
                         {kSample, kPixels, kSide, 1}};
  if (at.channels_last) {
    out.strides[1] = 1;
    out.strides[2] = kSide * kChannels;
    out.strides[3] = kChannels;
  }
  const int64_t bytes_each = at.dtype == SCORECAM_DTYPE_FLOAT32 ? 4 : 2;
  const int64_t chunk_floats = chunk_rows * kSample * bytes_each / 4;

  const std::size_t chunks = static_cast<std::size_t>(at.maps / chunk_rows);
  std::vector<double> stores(chunks, 1e9), kernels(chunks, 1e9);
  double range = 1e9;
  for (int repetition = -1; repetition < repetitions; ++repetition) {
    double start = seconds();
    check(scorecam_channel_range(&source.activations, kSide, kSide, &masking, ranges.data()));
    range = std::min(range, seconds() - start);
    for (std::size_t chunk_index = 0; chunk_index < chunks; ++chunk_index) {
      const int64_t *const rows = channels.data() + static_cast<int64_t>(chunk_index) * chunk_rows;
      start = seconds();
      store_loop(chunk.get(), chunk_floats, static_cast<float>(repetition));
      const double between = seconds();
      check(scorecam_masked_batch(&source, rows, &masking, &out));
      kernels[chunk_index] = std::min(kernels[chunk_index], seconds() - between);
      stores[chunk_index] = std::min(stores[chunk_index], between - start);
    }
  }
  const double kernel = std::accumulate(kernels.begin(), kernels.end(), 0.0);
  const double store = std::accumulate(stores.begin(), stores.end(), 0.0);
  static const char *const upsamplings[] = {"nearest", "bilinear", "aligned", "bicubic"};
  const double bytes = static_cast<double>(at.maps * kSample * bytes_each);
  std::printf("%5ld %2ldx%-2ld %-8s %-8s %-13s %8.2f %8.2f %8.2f %7.1f %7.1f %5.0f %%\n", static_cast<long>(at.maps),
              static_cast<long>(at.side), static_cast<long>(at.side), upsamplings[at.upsampling],
              at.dtype == SCORECAM_DTYPE_FLOAT32 ? "float32" : "bfloat16",
              at.channels_last ? "channels-last" : "contiguous", 1e3 * range, 1e3 * kernel,
              1e3 * store, bytes / kernel / 1e9, bytes / store / 1e9,
              100 * store / kernel);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char **argv) {
  const int64_t chunk_rows = argc > 1 ? std::atoll(argv[1]) : 32;
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 9;
  if (chunk_rows < 1 || 512 % chunk_rows != 0 || repetitions < 1) {
    std::fprintf(stderr, "rows of a chunk must divide 512, repetitions be positive\n");
    return 2;
  }
  const char *isa = scorecam_active_isa();
  if (isa == nullptr) {
    std::fprintf(stderr, "%s\n", scorecam_last_message());
    return 1;
  }
  std::printf("scorecam %s, %s, %d threads, chunks of %ld images 3x224x224\n", scorecam_version(), isa,
              omp_get_max_threads(), static_cast<long>(chunk_rows));
  std::printf(" maps size  upsample dtype    layout        range ms  mask ms store ms    GB/s   store of store\n");
  for (const int64_t maps : {512, 2048})
    for (const int64_t side : {7, 14})
      for (const int32_t dtype : {SCORECAM_DTYPE_FLOAT32, SCORECAM_DTYPE_BFLOAT16})
        for (const bool channels_last : {false, true})
          for (const int32_t upsampling : {SCORECAM_UPSAMPLING_BILINEAR, SCORECAM_UPSAMPLING_BICUBIC})
            measure({maps, side, upsampling, dtype, channels_last}, chunk_rows, repetitions);
  return 0;
}
