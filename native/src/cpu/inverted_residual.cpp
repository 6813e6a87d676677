// Inverted residuals some rows at a time: hidden channels are many times as many as those of the images, and are never
// stored as a whole. A ring holds the expanded rows that those rows are filtered from; what is filtered is projected as
// soon as it is there, or, to be squeezed, as soon as all of its image is. Rows of all images are counted through, so
// that small images go through together. Of few images that are squeezed, all threads work on the rows of one after
// the other. Pixels that are the same in the first image (own_columns.h) are taken from there, but not where they are
// squeezed: each image has scales of its own.
#include <algorithm>
#include <optional>

#include "cpu/inverted_residual.h"
#include "cpu/operations.h"
#include "cpu/own_columns.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

using inverted_residual::Packed;

constexpr int64_t kLargestSide = 5;

// So many pixels at least go through the block together, for which the weights are read once.
constexpr int64_t kPixelsAtOnce = 56;

int64_t output_channels(const InvertedResidualRequest &request) {
  return request.outputs > 0 ? request.outputs : request.hidden;
}

// Which columns are computed. Rows are those of all images.
class Columns {
 public:
  // All of them where nothing is known of the images' own.
  Columns(const InvertedResidualRequest &request, const OwnColumns *own) : request_(request), own_(own) {}

  // Of an output row: those that an own pixel of the input reaches.
  Span outputs(int64_t row) const {
    const int64_t image = row / request_.out_height, top = row % request_.out_height * request_.stride - border();
    if (own_ == nullptr) return {0, request_.out_width};
    Span reached = {request_.out_width, 0};
    for (int64_t r = std::max<int64_t>(0, top); r < std::min(request_.height, top + request_.side); ++r) {
      const Span &own = own_->of(image, r);
      if (own.empty()) continue;
      reached.begin = std::min(reached.begin, first_over(own.begin));
      reached.end = std::max(reached.end, std::min(last_over(own.end - 1), request_.out_width - 1) + 1);
    }
    return reached;
  }

  // Of an expanded row: those that the outputs that are computed are filtered from.
  Span expanded(int64_t row) const {
    const int64_t r = row % request_.height, outputs_before = row / request_.height * request_.out_height;
    Span needed = {request_.width, 0};
    for (int64_t y = first_over(r); y <= std::min(last_over(r), request_.out_height - 1); ++y) {
      const Span out = outputs(outputs_before + y);
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
  const OwnColumns *const own_;
};

// How the memory that rows go through is divided: a thread's ring, and what is kept of them behind it.
struct Layout {
  explicit Layout(const InvertedResidualRequest &request)
      : rows_at_once(std::min(request.images * request.out_height, (kPixelsAtOnce - 1) / request.out_width + 1)),
        images_at_once(request.squeezed == 0 ? 0 : (rows_at_once - 1) / request.out_height + 1),
        kept_rows(request.squeezed == 0 ? rows_at_once : images_at_once * request.out_height),
        ring_rows((rows_at_once - 1) * request.stride + request.side),
        pixel(padded(request.hidden)),
        row(pixel * (request.width + request.side - 1)),
        filtered_pixel(pixel + kRowPad),
        filtered_row(filtered_pixel * request.out_width),
        squeezed(padded(request.squeezed)),
        ring(ring_rows * row),
        means(kept_rows * filtered_row),
        squeezes(means + images_at_once * pixel),
        scales(squeezes + images_at_once * squeezed),
        kept(scales + images_at_once * pixel) {}

  int64_t rows_at_once;    // output rows
  int64_t images_at_once;  // that are squeezed
  int64_t kept_rows;       // as many as are filtered before any is projected
  int64_t ring_rows;       // what they are filtered from
  int64_t pixel, row;      // floats of the ring, with the border that the filter reaches into
  // A line more for each pixel, lest all fall into the same few lines of the cache.
  int64_t filtered_pixel, filtered_row;
  int64_t squeezed;  // floats of an image's squeezed channels
  int64_t ring;      // floats of it
  // Offsets in what is kept, where filtered rows are at 0; and all floats of it.
  int64_t means, squeezes, scales, kept;
};

// Rows on their way through the block.
class Rows {
 public:
  Rows(const InvertedResidualRequest &request, const PixelKernels &kernels, const Columns &columns,
       const Layout &layout, const float *zeros, float *ring, float *kept)
      : request_(request),
        kernels_(kernels),
        columns_(columns),
        layout_(layout),
        packed_(request.expands ? request.inputs : 0, request.hidden, request.squeezed, request.outputs, request.side),
        zeros_(zeros),
        ring_(ring),
        filtered_(kept),
        means_(kept + layout.means),
        squeezes_(kept + layout.squeezes),
        scales_(kept + layout.scales) {}

  // Output rows begin to end; of whole images if they are squeezed.
  void pass(int64_t begin, int64_t end) const {
    int64_t expanded = begin_ring();
    for (int64_t kept = begin, kept_end; kept < end; kept = kept_end) {
      kept_end = std::min(end, kept + layout_.kept_rows);
      filter(kept, kept_end, kept, expanded);
      if (request_.outputs == 0) continue;
      if (request_.squeezed > 0) squeeze((kept_end - kept) / request_.out_height);
      project(kept, kept_end, kept);
    }
  }

  // Filters output rows begin to end, of those that are kept from row `kept` on.
  void filter(int64_t begin, int64_t end, int64_t kept) const {
    int64_t expanded = begin_ring();
    filter(begin, end, kept, expanded);
  }

  // The scales of so many images, from all that is kept.
  void squeeze(int64_t images) const {
    const int64_t pixels = request_.out_height * request_.out_width;
    std::fill_n(means_, images * layout_.pixel, 0.0f);
    for (int64_t image = 0; image < images; ++image) {
      float *const mean = means_ + image * layout_.pixel;
      for (int64_t row = image * request_.out_height; row < (image + 1) * request_.out_height; ++row)
        kernels_.summed({request_.out_width, request_.hidden, filtered_at(row), layout_.filtered_pixel, mean});
      for (int64_t c = 0; c < request_.hidden; ++c) mean[c] /= static_cast<float>(pixels);
    }
    kernels_.pointwise({images, request_.hidden, request_.squeezed, means_, layout_.pixel,
                        request_.weight + packed_.squeeze, request_.weight + packed_.squeeze_bias, nullptr,
                        request_.squeeze_activation, squeezes_, layout_.squeezed, images, 0});
    kernels_.pointwise({images, request_.squeezed, request_.hidden, squeezes_, layout_.squeezed,
                        request_.weight + packed_.excite, request_.weight + packed_.excite_bias, nullptr,
                        request_.gate, scales_, layout_.pixel, images, 0});
  }

  // Scales and projects output rows begin to end, of those that are kept from row `kept` on.
  void project(int64_t begin, int64_t end, int64_t kept) const {
    some_at_once(begin, end, [&](int64_t first, int64_t last) {
      if (request_.squeezed > 0) scale(first - kept, last - kept);
      project_filtered(first, last, filtered_at(first - kept));
    });
  }

 private:
  template <class Work>
  void some_at_once(int64_t begin, int64_t end, Work &&work) const {
    for (int64_t first = begin; first < end; first += layout_.rows_at_once)
      work(first, std::min(end, first + layout_.rows_at_once));
  }

  // Nothing is expanded yet. The borders stay as they are.
  int64_t begin_ring() const {
    std::fill_n(ring_, layout_.ring, 0.0f);
    return 0;
  }

  // Input rows before `expanded` are in the ring already; says how far they are then.
  void filter(int64_t begin, int64_t end, int64_t kept, int64_t &expanded) const {
    some_at_once(begin, end, [&](int64_t first, int64_t last) {
      const int64_t reached = top_of(last - 1) + std::min(request_.side, rows_below(last - 1));
      expand(std::max(expanded, top_of(first) + std::max<int64_t>(0, rows_above(first))), reached);
      expanded = reached;
      for (int64_t row = first; row < last; ++row) filter_row(row, filtered_at(row - kept));
    });
  }

  int64_t border() const { return request_.side / 2; }

  // The input row at the top of the filter at an output row. It may be above the image, by so many rows; and so many
  // are from there to the image's end.
  int64_t top_of(int64_t row) const {
    return row / request_.out_height * request_.height + row % request_.out_height * request_.stride - border();
  }
  int64_t rows_above(int64_t row) const { return border() - row % request_.out_height * request_.stride; }
  int64_t rows_below(int64_t row) const { return request_.height + rows_above(row); }

  float *ring_at(int64_t row, int64_t column) const {
    return ring_ + row % layout_.ring_rows * layout_.row + (border() + column) * layout_.pixel;
  }

  float *filtered_at(int64_t kept) const { return filtered_ + kept * layout_.filtered_row; }

  const float *input_at(int64_t row, int64_t column) const {
    return request_.input + (row * request_.width + column) * request_.inputs;
  }

  float *output_at(int64_t row, int64_t column) const {
    return request_.output + (row * request_.out_width + column) * output_channels(request_);
  }

  // Input rows first to last.
  void expand(int64_t first, int64_t last) const {
    const int64_t gap = (request_.side - 1) * layout_.pixel;
    in_runs(
        first, last, request_.width, layout_.ring_rows, [&](int64_t row) { return columns_.expanded(row); },
        [&](int64_t row, const Span &columns, int64_t pixels) {
          const float *from = input_at(row, columns.begin);
          float *to = ring_at(row, columns.begin);
          if (request_.expands) {
            kernels_.pointwise({pixels, request_.inputs, request_.hidden, from, request_.inputs, request_.weight,
                                request_.weight + packed_.expand_bias, nullptr, request_.activation, to, layout_.pixel,
                                columns.end - columns.begin, gap});
          } else {
            for (int64_t p = 0; p < pixels; ++p)
              std::copy_n(from + p * request_.hidden, request_.hidden,
                          to + p * layout_.pixel + p / request_.width * gap);
          }
        });
  }

  void filter_row(int64_t row, float *to) const {
    const Span columns = columns_.outputs(row);
    if (columns.empty()) return;
    const float *rows[kLargestSide];
    for (int64_t r = 0; r < request_.side; ++r)
      rows[r] = r < rows_above(row) || r >= rows_below(row)
                    ? zeros_
                    : ring_at(top_of(row) + r, columns.begin * request_.stride - border());
    const bool last = request_.outputs == 0;
    kernels_.depthwise({columns.end - columns.begin, request_.hidden, request_.side, request_.stride, rows,
                        layout_.pixel, request_.weight + packed_.filter, request_.weight + packed_.filter_bias,
                        request_.activation,
                        last ? output_at(row, columns.begin) : to + columns.begin * layout_.filtered_pixel,
                        last ? request_.hidden : layout_.filtered_pixel});
  }

  // Kept rows first to last.
  void scale(int64_t first, int64_t last) const {
    for (int64_t row = first; row < last; ++row)
      kernels_.scaled({request_.out_width, request_.hidden, filtered_at(row), layout_.filtered_pixel,
                       scales_ + row / request_.out_height * layout_.pixel});
  }

  // Output rows first to last, from what is filtered already.
  void project_filtered(int64_t first, int64_t last, const float *filtered) const {
    in_runs(
        first, last, request_.out_width, last, [&](int64_t row) { return columns_.outputs(row); },
        [&](int64_t row, const Span &columns, int64_t pixels) {
          kernels_.pointwise({pixels, request_.hidden, request_.outputs,
                              filtered + (row - first) * layout_.filtered_row + columns.begin * layout_.filtered_pixel,
                              layout_.filtered_pixel, request_.weight + packed_.project,
                              request_.weight + packed_.project_bias,
                              request_.adds_input ? input_at(row, columns.begin) : nullptr, SCORECAM_ACTIVATION_NONE,
                              output_at(row, columns.begin), request_.outputs, pixels, 0});
        });
  }

  // Calls work(row, columns, pixels) for rows begin to end of so many pixels: once for successive rows that are computed
  // as a whole, up to multiples of `most`, and for each other row that has something to compute.
  template <class ColumnsOf, class Work>
  static void in_runs(int64_t begin, int64_t end, int64_t width, int64_t most, ColumnsOf &&columns_of, Work &&work) {
    for (int64_t row = begin, next; row < end; row = next) {
      const Span columns = columns_of(row);
      next = row + 1;
      if (columns.empty()) continue;
      if (columns.end - columns.begin == width)
        for (; next < end && next % most != 0; ++next) {
          const Span more = columns_of(next);
          if (more.end - more.begin < width) break;
        }
      work(row, columns, (next - row - 1) * width + columns.end - columns.begin);
    }
  }

  const InvertedResidualRequest &request_;
  const PixelKernels &kernels_;
  const Columns &columns_;
  const Layout &layout_;
  const Packed packed_;
  const float *const zeros_;
  float *const ring_, *const filtered_, *const means_, *const squeezes_, *const scales_;
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

// Whether all threads expand fewer rows of one squeezed image after the other than a thread does of its own images.
bool one_after_the_other(const InvertedResidualRequest &request, int threads) {
  const int64_t share = (request.out_height + threads - 1) / threads;
  const int64_t rows = std::min(request.height, (share - 1) * request.stride + request.side);
  const int64_t images_each = (request.images + threads - 1) / threads;
  return request.images * rows < images_each * request.height;
}

}  // namespace

void inverted_residual_batch(const InvertedResidualRequest &request, const PixelKernels &kernels) {
  const int64_t rows = request.images * request.out_height;
  const int all_threads = thread_count(rows, rows * request.out_width * request.hidden * 4);
  const bool squeezes = request.squeezed > 0, together = squeezes && one_after_the_other(request, all_threads);
  // Each share of rows but the first expands a few anew that the one before it has expanded.
  const int64_t rows_together = squeezes ? request.out_height : 1, shares = rows / rows_together;
  const int threads = together ? all_threads : static_cast<int>(std::min<int64_t>(all_threads, shares));
  const Layout layout(request);
  const Scratch zeros(1, layout.row), rings(threads, layout.ring), kept(together ? 1 : threads, layout.kept);
  std::fill_n(zeros.piece(0), layout.row, 0.0f);
  std::optional<OwnColumns> own;
  if (!squeezes)
    own.emplace(request.input, request.images, request.height, request.width, request.inputs, threads);
  const Columns columns(request, own ? &*own : nullptr);
  const auto rows_of = [&](int thread) {
    return Rows(request, kernels, columns, layout, zeros.piece(0), rings.piece(thread),
                kept.piece(together ? 0 : thread));
  };
  if (together) {
    for (int64_t first = 0; first < rows; first += request.out_height) {
      parallel(threads, request.out_height, [&](int64_t begin, int64_t end, int thread) {
        rows_of(thread).filter(first + begin, first + end, first);
      });
      if (request.outputs == 0) continue;
      rows_of(0).squeeze(1);
      parallel(threads, request.out_height, [&](int64_t begin, int64_t end, int thread) {
        rows_of(thread).project(first + begin, first + end, first);
      });
    }
    return;
  }
  parallel(threads, shares, [&](int64_t begin, int64_t end, int thread) {
    rows_of(thread).pass(begin * rows_together, end * rows_together);
  });
  if (!own || !own->any_shared()) return;
  parallel(threads, rows - request.out_height, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin + request.out_height; row < end + request.out_height; ++row)
      copy_rest(request, row, columns.outputs(row));
  });
}

}  // namespace scorecam
