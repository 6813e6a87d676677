// Joined channels, shuffled and cut again: nothing but copying, as fast as memory is.
#include <vector>

#include "cpu/operations.h"
#include "cpu/parallel.h"

namespace scorecam {
namespace {

// Where channels go that come one after the other: to one part, at places that are `groups` apart.
struct Run {
  int64_t tensor, channel;  // the first
  int64_t part, place;      // its
  int64_t channels;
};

// In the order of the channels; each run as long as it can be.
std::vector<Run> runs_of(const ChannelShuffleRequest &request) {
  const int64_t of_group = request.all_channels / request.groups, of_part = request.all_channels / request.parts;
  std::vector<Run> runs;
  int64_t joined = 0;
  for (int64_t t = 0; t < request.tensors; ++t)
    for (int64_t c = 0; c < request.channels[t]; ++c, ++joined) {
      const int64_t place = joined % of_group * request.groups + joined / of_group;
      const bool goes_on = c > 0 && joined % of_group > 0 && runs.back().part == place / of_part;
      if (goes_on)
        ++runs.back().channels;
      else
        runs.push_back({t, c, place / of_part, place % of_part, 1});
    }
  return runs;
}

}  // namespace

void shuffle_channels(const ChannelShuffleRequest &request) {
  const int64_t of_part = request.all_channels / request.parts;
  const std::vector<Run> runs = runs_of(request);
  const int threads = thread_count(request.pixels, request.pixels * request.all_channels * 4);
  parallel(threads, request.pixels, [&](int64_t begin, int64_t end, int) {
    for (int64_t pixel = begin; pixel < end; ++pixel)
      for (const Run &run : runs) {
        const float *const from = request.input[run.tensor] + pixel * request.channels[run.tensor] + run.channel;
        float *const to = request.output[run.part] + pixel * of_part + run.place;
        for (int64_t c = 0; c < run.channels; ++c) to[c * request.groups] = from[c];
      }
  });
}

}  // namespace scorecam
