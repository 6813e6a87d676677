// An inverted residual a row at a time: hidden channels are many times as many as those of the images, and are never
// stored as a whole. A ring holds as many expanded rows as the filter is high; a row of filtered pixels is projected as
// soon as it is there. Pixels that are the same in the first image (own_columns.h) are taken from there.
#include <algorithm>
#include <cstring>

#include "cpu/inverted_residual.h"
#include "cpu/operations.h"
#include "cpu/own_columns.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

using inverted_residual::Packed;

constexpr int64_t kLargestSide = 5;

int64_t output_channels(const InvertedResidualRequest &request) {
  return request.outputs > 0 ? request.outputs : request.hidden;
}

// Which columns of an image are computed.
class Columns {
 public:
  Columns(const InvertedResidualRequest &request, const OwnColumns &own) : request_(request), own_(own) {}

  // Of an output row: those that an own pixel of the input reaches.
  Span outputs(int64_t image, int64_t y) const {
    Span reached = {request_.out_width, 0};
    const int64_t top = y * request_.stride - border();
    for (int64_t r = std::max<int64_t>(0, top); r < std::min(request_.height, top + request_.side); ++r) {
      const Span &own = own_.of(image, r);
      if (own.empty()) continue;
      reached.begin = std::min(reached.begin, first_over(own.begin));
      reached.end = std::max(reached.end, std::min(last_over(own.end - 1), request_.out_width - 1) + 1);
    }
    return reached;
  }

  // Of an expanded row: those that the outputs that are computed are filtered from.
  Span expanded(int64_t image, int64_t r) const {
    Span needed = {request_.width, 0};
    for (int64_t y = first_over(r); y <= std::min(last_over(r), request_.out_height - 1); ++y) {
      const Span out = outputs(image, y);
      if (out.empty()) continue;
      needed.begin = std::min(needed.begin, std::max<int64_t>(0, out.begin * request_.stride - border()));
      needed.end = std::max(
          needed.end, std::min(request_.width, (out.end - 1) * request_.stride - border() + request_.side));
    }
    return needed;
  }

 private:
  int64_t border() const { return request_.side / 2; }

  // The first and the last position at which the filter lies over a line of the input.
  int64_t first_over(int64_t line) const {
    return std::max<int64_t>(0, line + border() - request_.side + request_.stride) / request_.stride;
  }
  int64_t last_over(int64_t line) const { return (line + border()) / request_.stride; }

  const InvertedResidualRequest &request_;
  const OwnColumns &own_;
};

// Rows of one image on their way through the block, in a thread's own memory.
class Rows {
 public:
  Rows(const InvertedResidualRequest &request, const PixelKernels &kernels, const Columns &columns,
       const float *zeros, float *scratch)
      : request_(request),
        kernels_(kernels),
        columns_(columns),
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
        expand(image, next, columns_.expanded(image, next));
      const Span columns = columns_.outputs(image, y);
      if (columns.empty()) continue;
      const float *rows[kLargestSide];
      for (int64_t r = 0; r < request_.side; ++r)
        rows[r] = (top + r < 0 || top + r >= request_.height ? zeros_ : row_of(top + r)) +
                  columns.begin * request_.stride * padded(request_.hidden);
      filter(rows, image, y, columns);
      if (request_.outputs > 0) project(image, y, columns);
    }
  }

 private:
  float *row_of(int64_t y) const { return ring_ + y % request_.side * row_floats(request_); }

  const float *input_at(int64_t image, int64_t y, int64_t x) const {
    return request_.input + ((image * request_.height + y) * request_.width + x) * request_.inputs;
  }

  float *output_at(int64_t image, int64_t y, int64_t x) const {
    return request_.output +
           ((image * request_.out_height + y) * request_.out_width + x) * output_channels(request_);
  }

  void expand(int64_t image, int64_t y, const Span &columns) const {
    const int64_t stride = padded(request_.hidden), count = columns.end - columns.begin;
    float *to = row_of(y) + (request_.side / 2 + columns.begin) * stride;
    const float *from = input_at(image, y, columns.begin);
    if (request_.expands) {
      kernels_.pointwise({count, request_.inputs, request_.hidden, from, request_.inputs, request_.weight,
                          request_.weight + packed_.expand_bias, nullptr, request_.activation, to, stride});
    } else {
      for (int64_t x = 0; x < count; ++x) std::copy_n(from + x * request_.hidden, request_.hidden, to + x * stride);
    }
  }

  void filter(const float *const *rows, int64_t image, int64_t y, const Span &columns) const {
    const int64_t stride = padded(request_.hidden);
    const bool last = request_.outputs == 0;
    kernels_.depthwise({columns.end - columns.begin, request_.hidden, request_.side, request_.stride, rows, stride,
                        request_.weight + packed_.filter, request_.weight + packed_.filter_bias, request_.activation,
                        last ? output_at(image, y, columns.begin) : filtered_, last ? request_.hidden : stride});
  }

  void project(int64_t image, int64_t y, const Span &columns) const {
    kernels_.pointwise({columns.end - columns.begin, request_.hidden, request_.outputs, filtered_,
                        padded(request_.hidden), request_.weight + packed_.project,
                        request_.weight + packed_.project_bias,
                        request_.adds_input ? input_at(image, y, columns.begin) : nullptr, SCORECAM_ACTIVATION_NONE,
                        output_at(image, y, columns.begin), request_.outputs});
  }

  const InvertedResidualRequest &request_;
  const PixelKernels &kernels_;
  const Columns &columns_;
  const Packed packed_;
  const float *const zeros_;
  float *const ring_, *const filtered_;
};

// What is left out of a row, from the first image's.
void copy_rest(const InvertedResidualRequest &request, int64_t row, const Span &computed) {
  const int64_t channels = output_channels(request), floats = request.out_width * channels;
  const float *from = request.output + row % request.out_height * floats;
  float *to = request.output + row * floats;
  if (computed.empty()) {
    std::copy_n(from, floats, to);
  } else {
    std::copy_n(from, computed.begin * channels, to);
    std::copy(from + computed.end * channels, from + floats, to + computed.end * channels);
  }
}

}  // namespace

void inverted_residual_batch(const InvertedResidualRequest &request, const PixelKernels &kernels) {
  const int64_t rows = request.images * request.out_height;
  const int threads = thread_count(rows, rows * request.out_width * request.hidden * 4);
  // Where images are fewer than threads they are cut into bands, each of which expands the rows above it anew.
  const int64_t bands = std::min((threads + request.images - 1) / request.images, request.out_height);
  const Scratch zeros(1, Rows::row_floats(request)), scratch(threads, Rows::scratch_floats(request));
  std::fill_n(zeros.piece(0), Rows::row_floats(request), 0.0f);
  const OwnColumns own(request.input, request.images, request.height, request.width, request.inputs, threads);
  const Columns columns(request, own);
  parallel(threads, request.images * bands, [&](int64_t begin, int64_t end, int thread) {
    const Rows rows_of_thread(request, kernels, columns, zeros.piece(0), scratch.piece(thread));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t band = item % bands;
      rows_of_thread.pass(item / bands, band * request.out_height / bands, (band + 1) * request.out_height / bands);
    }
  });
  if (!own.any_shared()) return;
  parallel(threads, rows - request.out_height, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin + request.out_height; row < end + request.out_height; ++row)
      copy_rest(request, row, columns.outputs(row / request.out_height, row % request.out_height));
  });
}

}  // namespace scorecam
