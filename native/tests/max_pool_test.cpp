// Maxima on every instruction set that this machine has, the scalar oracle among them, by hand, and bad arguments.
//
//   max_pool_test values | arguments
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "arrays.h"
#include "check.h"
#include "convolutions.h"
#include "variants.h"

namespace {

using arrays::Dense;
using convolutions::expect;

// Of one dimension: windows within image and padding, and with PyTorch's ceil_mode one more where something is left.
int64_t outputs_of(int64_t size, int64_t kernel, int64_t stride, int64_t padding, bool rounds_up) {
  int64_t outputs = 0;
  for (int64_t first = -padding; first + kernel <= size + padding; first += stride) ++outputs;
  const int64_t next = outputs * stride - padding;
  const bool is_left = (outputs - 1) * stride - padding + kernel < size + padding;
  return outputs + (rounds_up && is_left && next < size ? 1 : 0);
}

void compare(int64_t images, const int64_t (&size)[2], int64_t channels, const scorecam_window &window, bool rounds_up,
             const std::vector<std::string> &isas, std::mt19937 &random) {
  const int64_t height = outputs_of(size[0], window.kernel[0], window.stride[0], window.padding[0], rounds_up);
  const int64_t width = outputs_of(size[1], window.kernel[1], window.stride[1], window.padding[1], rounds_up);
  Dense input(images * size[0] * size[1] * channels);
  input.fill(random);
  if (input.size() > 40) input[17] = NAN, input[40] = INFINITY, input[3] = -INFINITY;
  for (const std::string &isa : isas) {
    variants::use(isa);
    Dense output(images * height * width * channels);
    const scorecam_max_pool pool = {images,    size[0], size[1],      channels,     window,
                                    rounds_up, 0,       input.data(), output.data()};
    int64_t outputs[2] = {};
    if (height == 0 || width == 0) {
      expect(scorecam_max_pool_outputs(&pool, outputs), SCORECAM_STATUS_INVALID_ARGUMENT, "the window does not fit into");
      continue;
    }
    if (!variants::ok(scorecam_max_pool_outputs(&pool, outputs))) continue;
    const std::string description = isa + ": " + std::to_string(size[0]) + " x " + std::to_string(size[1]) + " of " +
                                    std::to_string(channels) + ", kernel " + std::to_string(window.kernel[0]) +
                                    " stride " + std::to_string(window.stride[0]) + (rounds_up ? " rounded up" : "");
    CHECK(outputs[0] == height && outputs[1] == width, "%s: %" PRId64 " x %" PRId64 " outputs, not %" PRId64 " x %" PRId64,
          description.c_str(), outputs[0], outputs[1], height, width);
    if (!variants::ok(scorecam_max_pool_batch(&pool))) continue;
    CHECK(output.guards_intact(), "%s: written beyond the output", description.c_str());
    for (int64_t i = 0; i < output.size(); ++i) {
      const int64_t c = i % channels, x = i / channels % width, y = i / channels / width % height,
                    n = i / channels / width / height;
      float largest = -INFINITY;
      for (int64_t row = y * window.stride[0] - window.padding[0], r = 0; r < window.kernel[0]; ++r, ++row)
        for (int64_t column = x * window.stride[1] - window.padding[1], s = 0; s < window.kernel[1]; ++s, ++column) {
          if (row < 0 || row >= size[0] || column < 0 || column >= size[1]) continue;
          const float value = input[((n * size[0] + row) * size[1] + column) * channels + c];
          if (std::isnan(largest)) continue;
          if (std::isnan(value) || value > largest) largest = value;
        }
      if (!CHECK(std::isnan(largest) ? std::isnan(output[i]) : std::memcmp(&output[i], &largest, sizeof largest) == 0,
                 "%s: element %" PRId64 " is %g, not %g", description.c_str(), i, static_cast<double>(output[i]),
                 static_cast<double>(largest)))
        break;
    }
  }
}

void values(const std::vector<std::string> &isas) {
  std::mt19937 random(37);
  const scorecam_window windows[] = {{{3, 3}, {2, 2}, {1, 1}, {1, 1}}, {{2, 2}, {2, 2}, {0, 0}, {1, 1}},
                                     {{3, 3}, {2, 2}, {0, 0}, {1, 1}}, {{3, 3}, {1, 1}, {1, 1}, {1, 1}},
                                     {{2, 3}, {3, 1}, {1, 0}, {1, 1}}, {{2, 2}, {3, 3}, {0, 0}, {1, 1}}};
  const int64_t sizes[][2] = {{2, 2}, {1, 3}, {3, 3}, {8, 9}, {14, 7}, {31, 112}};
  int64_t turn = 0;
  for (const scorecam_window &window : windows)
    for (const auto &size : sizes)
      for (const int64_t channels : {1, 16, 24, 67}) {
        ++turn;
        compare(turn % 4, size, channels, window, turn % 2 == 0, isas, random);
        compare(1, size, channels, window, turn % 2 != 0, isas, random);
      }
}

void arguments() {
  const scorecam_status invalid = SCORECAM_STATUS_INVALID_ARGUMENT, unsupported = SCORECAM_STATUS_UNSUPPORTED;
  float floats[64] = {}, out[64] = {};
  using Pool = scorecam_max_pool;
  const Pool good = {2, 4, 5, 1, {{3, 2}, {2, 2}, {1, 0}, {1, 1}}, 0, 0, floats, out};
  int64_t outputs[2];
  const auto with = [&](scorecam_status expected, const char *message, const std::function<void(Pool &)> &change) {
    Pool pool = good;
    change(pool);
    expect(scorecam_max_pool_batch(&pool), expected, message);
  };
  expect(scorecam_max_pool_outputs(&good, outputs), SCORECAM_STATUS_OK, "");
  CHECK(outputs[0] == 2 && outputs[1] == 2, "%" PRId64 " x %" PRId64, outputs[0], outputs[1]);
  expect(scorecam_max_pool_outputs(nullptr, outputs), invalid, "pool is null");
  expect(scorecam_max_pool_outputs(&good, nullptr), invalid, "outputs is null");
  expect(scorecam_max_pool_batch(nullptr), invalid, "pool is null");
  with(SCORECAM_STATUS_OK, "", [](Pool &) {});
  with(SCORECAM_STATUS_OK, "", [](Pool &p) { p.images = 0, p.input = nullptr, p.output = nullptr; });
  with(invalid, "-1 images of 4 x 5", [](Pool &p) { p.images = -1; });
  with(invalid, "2 images of 0 x 5", [](Pool &p) { p.height = 0; });
  with(invalid, "with 0 channels", [](Pool &p) { p.channels = 0; });
  with(invalid, "does not fit into the image's 1 pixels in dimension 1", [](Pool &p) { p.width = 1; });
  with(invalid, "stride 0", [](Pool &p) { p.window.stride[1] = 0; });
  with(unsupported, "dilation is 2", [](Pool &p) { p.window.dilation[0] = 2; });
  with(unsupported, "padding is 2, more than half of a kernel of 3", [](Pool &p) { p.window.padding[0] = 2; });
  with(invalid, "rounds_up is 2", [](Pool &p) { p.rounds_up = 2; });
  with(invalid, "pool.reserved is 1", [](Pool &p) { p.reserved = 1; });
  with(invalid, "exceed the address space", [](Pool &p) { p.images = INT64_MAX; });
  with(invalid, "input is null", [](Pool &p) { p.input = nullptr; });
  with(invalid, "output is null", [](Pool &p) { p.output = nullptr; });
}

}  // namespace

int main(int argc, char **argv) {
  return check::run(argc, argv, [] { values(variants::all_and_oracle()); }, arguments);
}
