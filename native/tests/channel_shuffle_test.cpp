// Shuffled channels against the definition, bit by bit, and bad arguments.
//
//   channel_shuffle_test values | arguments
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "arrays.h"
#include "check.h"
#include "convolutions.h"

namespace {

using arrays::Dense;
using convolutions::expect;

void compare(const std::vector<int64_t> &channels, int64_t pixels, int64_t groups, int64_t parts,
             std::mt19937 &random) {
  std::vector<Dense> tensors, outputs;
  std::vector<const float *> input;
  std::vector<float *> output;
  int64_t all = 0;
  for (const int64_t each : channels) {
    tensors.emplace_back(pixels * each);
    tensors.back().fill(random);
    all += each;
  }
  for (int64_t part = 0; part < parts; ++part) outputs.emplace_back(pixels * all / parts);
  for (Dense &tensor : tensors) input.push_back(tensor.data());
  for (Dense &tensor : outputs) output.push_back(tensor.data());
  const scorecam_channel_shuffle shuffle = {
      pixels, static_cast<int64_t>(channels.size()), channels.data(), input.data(), groups, parts, output.data()};
  expect(scorecam_shuffle_channels(&shuffle), SCORECAM_STATUS_OK, "");
  const std::string description = std::to_string(all) + " channels of " + std::to_string(channels.size()) +
                                  " tensors, " + std::to_string(pixels) + " pixels, " + std::to_string(groups) +
                                  " groups, " + std::to_string(parts) + " parts";
  for (int64_t part = 0; part < parts; ++part)
    CHECK(outputs[static_cast<std::size_t>(part)].guards_intact(), "%s: written beyond", description.c_str());
  for (int64_t p = 0; p < pixels; ++p) {
    std::vector<float> joined;
    for (std::size_t t = 0; t < channels.size(); ++t)
      for (int64_t c = 0; c < channels[t]; ++c) joined.push_back(tensors[t][p * channels[t] + c]);
    for (int64_t place = 0; place < all; ++place) {
      const float expected = joined[static_cast<std::size_t>(place % groups * (all / groups) + place / groups)];
      const float actual = outputs[static_cast<std::size_t>(place / (all / parts))][p * (all / parts) + place % (all / parts)];
      if (!CHECK(std::memcmp(&expected, &actual, sizeof actual) == 0, "%s: place %" PRId64 " of pixel %" PRId64
                 " is %g, not %g", description.c_str(), place, p, static_cast<double>(actual),
                 static_cast<double>(expected)))
        return;
    }
  }
}

void values() {
  std::mt19937 random(31);
  for (const int64_t pixels : {0, 1, 7, 5000}) {
    compare({58, 58}, pixels, 2, 2, random);
    compare({58, 58}, pixels, 2, 1, random);
    compare({12}, pixels, 3, 1, random);
    compare({12}, pixels, 1, 4, random);
    compare({5, 0, 7}, pixels, 4, 3, random);
    compare({1, 2, 3}, pixels, 6, 6, random);
    compare({0, 1}, pixels, 1, 1, random);
    compare({30, 90}, pixels, 2, 2, random);
  }
}

void arguments() {
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT;
  float floats[64] = {}, out[64] = {};
  const int64_t channels[] = {2, 4}, negative[] = {2, -4}, none[] = {0, 0};
  const float *const input[] = {floats, floats}, *const missing[] = {floats, nullptr};
  float *const output[] = {out, out}, *const lost[] = {out, nullptr};
  const auto with = [&](scorecam_status expected, const char *message,
                        const std::function<void(scorecam_channel_shuffle &)> &change) {
    scorecam_channel_shuffle shuffle = {3, 2, channels, input, 2, 2, output};
    change(shuffle);
    expect(scorecam_shuffle_channels(&shuffle), expected, message);
  };
  using Shuffle = scorecam_channel_shuffle;
  with(SCORECAM_STATUS_OK, "", [](Shuffle &) {});
  with(SCORECAM_STATUS_OK, "", [](Shuffle &s) { s.pixels = 0, s.input = nullptr, s.output = nullptr; });
  expect(scorecam_shuffle_channels(nullptr), invalid, "shuffle is null");
  with(invalid, "-3 pixels in 2 tensors", [](Shuffle &s) { s.pixels = -3; });
  with(invalid, "3 pixels in 0 tensors", [](Shuffle &s) { s.tensors = 0; });
  with(invalid, "channels is null", [](Shuffle &s) { s.channels = nullptr; });
  with(invalid, "tensor 1 has -4 channels", [&](Shuffle &s) { s.channels = negative; });
  with(invalid, "0 channels are not 2 equal groups", [&](Shuffle &s) { s.channels = none; });
  with(invalid, "6 channels are not 0 equal groups", [](Shuffle &s) { s.groups = 0; });
  with(invalid, "6 channels are not 4 equal groups", [](Shuffle &s) { s.groups = 4; });
  with(invalid, "6 channels are not 5 equal parts", [](Shuffle &s) { s.parts = 5; });
  with(invalid, "6 channels are not -1 equal parts", [](Shuffle &s) { s.parts = -1; });
  with(invalid, "exceed the address space", [](Shuffle &s) { s.pixels = INT64_MAX; });
  with(invalid, "input is null", [](Shuffle &s) { s.input = nullptr; });
  with(invalid, "tensor 1 has no data", [&](Shuffle &s) { s.input = missing; });
  with(invalid, "output is null", [](Shuffle &s) { s.output = nullptr; });
  with(invalid, "part 1 has no data", [&](Shuffle &s) { s.output = lost; });
}

}  // namespace

int main(int argc, char **argv) {
  return check::run(argc, argv, values, arguments);
}
