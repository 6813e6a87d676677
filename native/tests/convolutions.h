// What tests of convolutions share.
#pragma once

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "arrays.h"
#include "check.h"
#include "scorecam.h"

namespace convolutions {

constexpr int32_t kActivations = SCORECAM_ACTIVATION_HARDSIGMOID + 1;

inline double activated(int32_t kind, double y) {
  switch (kind) {
    case SCORECAM_ACTIVATION_RELU:
      return std::max(y, 0.0);
    case SCORECAM_ACTIVATION_RELU6:
      return std::min(std::max(y, 0.0), 6.0);
    case SCORECAM_ACTIVATION_SILU:
      return y / (1 + std::exp(-y));
    case SCORECAM_ACTIVATION_HARDSWISH:
      return y * std::min(std::max(y + 3, 0.0), 6.0) / 6;
    case SCORECAM_ACTIVATION_SIGMOID:
      return 1 / (1 + std::exp(-y));
    case SCORECAM_ACTIVATION_HARDSIGMOID:
      return std::min(std::max(y + 3, 0.0), 6.0) / 6;
    default:
      return y;
  }
}

// Outside of a box of its own, which may be empty, each image gets the first one's pixels: dense [images, height, width,
// channels].
inline void share(arrays::Dense &values, int64_t images, int64_t height, int64_t width, int64_t channels,
                  std::mt19937 &random) {
  const auto span = [&](int64_t size) {
    std::uniform_int_distribution<int64_t> line(0, size);
    return std::minmax({line(random), line(random)});
  };
  for (int64_t n = 1; n < images; ++n) {
    const auto [top, bottom] = span(height);
    const auto [left, right] = span(width);
    for (int64_t y = 0; y < height; ++y)
      for (int64_t x = 0; x < width; ++x)
        for (int64_t c = 0; c < channels; ++c)
          if (y < top || y >= bottom || x < left || x >= right)
            values[((n * height + y) * width + x) * channels + c] = values[(y * width + x) * channels + c];
  }
}

// The status of the last call, and a part of its message.
inline void expect(scorecam_status actual, scorecam_status expected, const char *message) {
  CHECK(actual == expected && std::strstr(scorecam_last_message(), message) != nullptr,
        "%s \"%s\", expected %s \"%s\"", scorecam_status_name(actual), scorecam_last_message(),
        scorecam_status_name(expected), message);
}

// Within 3e-6 of the largest output, and nothing beside it is written.
inline void compare(arrays::Dense &output, const std::vector<double> &expected, const std::string &description) {
  constexpr double tolerance = 3e-6;
  CHECK(output.guards_intact(), "%s: written beyond the output", description.c_str());
  double largest = 1;
  for (const double value : expected) largest = std::max(largest, std::fabs(value));
  for (int64_t i = 0; i < output.size(); ++i) {
    const double value = expected[static_cast<std::size_t>(i)];
    if (!CHECK(std::fabs(static_cast<double>(output[i]) - value) <= tolerance * largest,
               "%s: element %" PRId64 " is %.9g, not %.9g, of up to %.3g", description.c_str(), i,
               static_cast<double>(output[i]), value, largest))
      break;
  }
}

}  // namespace convolutions
