// A strip of pixels at a time: its channels come together from all tensors, within their bounds, in a thread's own
// memory, and are multiplied from there. What they all make up is never stored as a whole.
#include "cpu/bounded_pointwise.h"

#include <algorithm>

#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

// Twice as many as the product has registers for with AVX-512.
constexpr int64_t kStripPixels = 28;

}  // namespace

void bounded_pointwise_batch(const BoundedPointwiseRequest &request, const PixelKernels &kernels) {
  const bounded_pointwise::Packed at(request.inputs, request.outputs);
  const float *const weight = request.weight;
  const int64_t strips = (request.pixels + kStripPixels - 1) / kStripPixels;
  const int threads = thread_count(strips, request.pixels * request.outputs * 4);
  // A line more, lest the pixels all fall into the same few lines of the cache.
  const int64_t stride = padded(request.inputs) + kRowPad;
  const Scratch scratch(threads, kStripPixels * stride);
  parallel(threads, strips, [&](int64_t begin, int64_t end, int thread) {
    float *const values = scratch.piece(thread);
    for (int64_t strip = begin; strip < end; ++strip) {
      const int64_t first = strip * kStripPixels;
      const int64_t pixels = std::min(kStripPixels, request.pixels - first);
      int64_t channel = 0;
      for (int64_t t = 0; t < request.tensors; ++t) {
        const int64_t channels = request.channels[t];
        kernels.bounded({pixels, channels, request.input[t] + first * channels, channels,
                         weight + at.least + channel, weight + at.most + channel, values + channel, stride});
        channel += channels;
      }
      kernels.pointwise({pixels, request.inputs, request.outputs, values, stride, weight, weight + at.bias, nullptr,
                         request.activation, request.output + first * request.outputs, request.outputs});
    }
  });
}

}  // namespace scorecam
