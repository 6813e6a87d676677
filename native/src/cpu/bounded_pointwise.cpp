// A strip of pixels at a time: its channels come together from all tensors, within their bounds, in a thread's own
// memory, and are multiplied from there. What they all make up is never stored as a whole. Pixels that are the same in
// the first image (own_columns.h) are taken from there.
#include "cpu/bounded_pointwise.h"

#include <algorithm>
#include <vector>

#include "cpu/operations.h"
#include "cpu/own_columns.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

// As many as the product has registers for with AVX-512.
constexpr int64_t kUnit = 14;

constexpr int64_t kStripPixels = 2 * kUnit;

// Pixels that follow each other.
struct Strip {
  int64_t first, count;

  int64_t end() const { return first + count; }
};

// Of all pixels: those that are computed, and those whose outputs are the first image's.
class Strips {
 public:
  Strips(const BoundedPointwiseRequest &request, int threads) : request_(request) {
    const int64_t size = request.pixels / request.images, units = (size + kUnit - 1) / kUnit;
    std::vector<char> own(static_cast<std::size_t>(request.images * units), 1);
    parallel(threads, (request.images - 1) * units, [&](int64_t begin, int64_t end, int) {
      for (int64_t unit = begin + units; unit < end + units; ++unit)
        own[static_cast<std::size_t>(unit)] = is_own(strip_of(unit, units, size), size);
    });
    std::vector<Strip> runs;
    for (int64_t unit = 0; unit < request.images * units; ++unit) {
      const Strip strip = strip_of(unit, units, size);
      if (own[static_cast<std::size_t>(unit)] == 0)
        shared.push_back(strip);
      else if (!runs.empty() && runs.back().end() == strip.first)
        runs.back().count += strip.count;
      else
        runs.push_back(strip);
    }
    for (const Strip &run : runs)
      for (int64_t first = run.first; first < run.end(); first += kStripPixels)
        computed.push_back({first, std::min(kStripPixels, run.end() - first)});
  }

  std::vector<Strip> computed, shared;

 private:
  static Strip strip_of(int64_t unit, int64_t units, int64_t size) {
    const int64_t first = unit % units * kUnit;
    return {unit / units * size + first, std::min(kUnit, size - first)};
  }

  bool is_own(const Strip &strip, int64_t size) const {
    for (int64_t t = 0; t < request_.tensors; ++t) {
      const int64_t channels = request_.channels[t];
      const float *const input = request_.input[t];
      if (channels > 0 &&
          !same(input + strip.first * channels, input + strip.first % size * channels, strip.count * channels))
        return true;
    }
    return false;
  }

  const BoundedPointwiseRequest &request_;
};

}  // namespace

void bounded_pointwise_batch(const BoundedPointwiseRequest &request, const PixelKernels &kernels) {
  const bounded_pointwise::Packed at(request.inputs, request.outputs);
  const float *const weight = request.weight;
  const int threads =
      thread_count((request.pixels + kStripPixels - 1) / kStripPixels, request.pixels * request.outputs * 4);
  const Strips strips(request, threads);
  // A line more, lest the pixels all fall into the same few lines of the cache.
  const int64_t stride = padded(request.inputs) + kRowPad;
  const Scratch scratch(threads, kStripPixels * stride);
  parallel(threads, static_cast<int64_t>(strips.computed.size()), [&](int64_t begin, int64_t end, int thread) {
    float *const values = scratch.piece(thread);
    for (int64_t index = begin; index < end; ++index) {
      const auto [first, pixels] = strips.computed[static_cast<std::size_t>(index)];
      int64_t channel = 0;
      for (int64_t t = 0; t < request.tensors; ++t) {
        const int64_t channels = request.channels[t];
        kernels.bounded({pixels, channels, request.input[t] + first * channels, channels,
                         weight + at.least + channel, weight + at.most + channel, values + channel, stride});
        channel += channels;
      }
      kernels.pointwise({pixels, request.inputs, request.outputs, values, stride, weight, weight + at.bias, nullptr,
                         request.activation, request.output + first * request.outputs, request.outputs, pixels, 0});
    }
  });
  const int64_t size = request.pixels / request.images;
  parallel(threads, static_cast<int64_t>(strips.shared.size()), [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index) {
      const auto [first, pixels] = strips.shared[static_cast<std::size_t>(index)];
      std::copy_n(request.output + first % size * request.outputs, pixels * request.outputs,
                  request.output + first * request.outputs);
    }
  });
}

}  // namespace scorecam
