// An inverted residual a row at a time: hidden channels are many times as many as those of the images, and are never
// stored as a whole. A ring holds as many expanded rows as the filter is high; a row of filtered pixels is projected as
// soon as it is there.
#include <algorithm>
#include <cstring>

#include "cpu/inverted_residual.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

using inverted_residual::Packed;

constexpr int64_t kLargestSide = 5;

// Rows of one image on their way through the block, in a thread's own memory.
class Rows {
 public:
  Rows(const InvertedResidualRequest &request, const PixelKernels &kernels, const float *zeros,
       float *scratch)
      : request_(request),
        kernels_(kernels),
        packed_(request.expands ? request.inputs : 0, request.hidden, request.outputs, request.side),
        zeros_(zeros),
        ring_(scratch),
        filtered_(scratch + request.side * row_floats(request)) {
    // The borders stay as they are.
    std::fill_n(ring_, request.side * row_floats(request), 0.0f);
  }

  // An expanded row, with the border that the filter reaches into.
  static int64_t row_floats(const InvertedResidualRequest &request) {
    return (request.width + request.side - 1) * padded(request.hidden);
  }

  static int64_t scratch_floats(const InvertedResidualRequest &request) {
    return request.side * row_floats(request) + request.out_width * padded(request.hidden);
  }

  // Output rows begin to end of an image.
  void pass(int64_t image, int64_t begin, int64_t end) const {
    const int64_t border = request_.side / 2;
    int64_t next = std::max<int64_t>(0, begin * request_.stride - border);
    for (int64_t y = begin; y < end; ++y) {
      const int64_t top = y * request_.stride - border;
      for (const int64_t last = std::min(request_.height, top + request_.side); next < last; ++next)
        expand(image, next);
      const float *rows[kLargestSide];
      for (int64_t r = 0; r < request_.side; ++r)
        rows[r] = top + r < 0 || top + r >= request_.height ? zeros_ : row_of(top + r);
      filter(rows, image, y);
      if (request_.outputs > 0) project(image, y);
    }
  }

 private:
  float *row_of(int64_t y) const { return ring_ + y % request_.side * row_floats(request_); }

  const float *input_row(int64_t image, int64_t y) const {
    return request_.input + (image * request_.height + y) * request_.width * request_.inputs;
  }

  float *output_row(int64_t image, int64_t y) const {
    const int64_t channels = request_.outputs > 0 ? request_.outputs : request_.hidden;
    return request_.output + (image * request_.out_height + y) * request_.out_width * channels;
  }

  void expand(int64_t image, int64_t y) const {
    const int64_t stride = padded(request_.hidden);
    float *to = row_of(y) + request_.side / 2 * stride;
    const float *from = input_row(image, y);
    if (request_.expands) {
      kernels_.pointwise({request_.width, request_.inputs, request_.hidden, from, request_.inputs, request_.weight,
                          request_.weight + packed_.expand_bias, nullptr, request_.activation, to, stride});
    } else {
      for (int64_t x = 0; x < request_.width; ++x)
        std::copy_n(from + x * request_.hidden, request_.hidden, to + x * stride);
    }
  }

  void filter(const float *const *rows, int64_t image, int64_t y) const {
    const int64_t stride = padded(request_.hidden);
    const bool last = request_.outputs == 0;
    kernels_.depthwise({request_.out_width, request_.hidden, request_.side, request_.stride, rows, stride,
                        request_.weight + packed_.filter, request_.weight + packed_.filter_bias, request_.activation,
                        last ? output_row(image, y) : filtered_, last ? request_.hidden : stride});
  }

  void project(int64_t image, int64_t y) const {
    kernels_.pointwise({request_.out_width, request_.hidden, request_.outputs, filtered_, padded(request_.hidden),
                        request_.weight + packed_.project, request_.weight + packed_.project_bias,
                        request_.adds_input ? input_row(image, y) : nullptr, SCORECAM_ACTIVATION_NONE,
                        output_row(image, y), request_.outputs});
  }

  const InvertedResidualRequest &request_;
  const PixelKernels &kernels_;
  const Packed packed_;
  const float *const zeros_;
  float *const ring_, *const filtered_;
};

}  // namespace

void inverted_residual_batch(const InvertedResidualRequest &request, const PixelKernels &kernels) {
  const int64_t rows = request.images * request.out_height;
  const int threads = thread_count(rows, rows * request.out_width * request.hidden * 4);
  // Where images are fewer than threads they are cut into bands, each of which expands the rows above it anew.
  const int64_t bands = std::min((threads + request.images - 1) / request.images, request.out_height);
  const Scratch zeros(1, Rows::row_floats(request)), scratch(threads, Rows::scratch_floats(request));
  std::fill_n(zeros.piece(0), Rows::row_floats(request), 0.0f);
  parallel(threads, request.images * bands, [&](int64_t begin, int64_t end, int thread) {
    const Rows own(request, kernels, zeros.piece(0), scratch.piece(thread));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t band = item % bands;
      own.pass(item / bands, band * request.out_height / bands, (band + 1) * request.out_height / bands);
    }
  });
}

}  // namespace scorecam
