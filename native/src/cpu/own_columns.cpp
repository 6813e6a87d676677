#include "cpu/own_columns.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace scorecam {
namespace {

// Of two rows of pixels.
Span difference(const float *row, const float *first, int64_t width, int64_t channels) {
  const auto is_shared = [&](int64_t x) { return same(row + x * channels, first + x * channels, channels); };
  Span own = {0, width};
  while (own.begin < width && is_shared(own.begin)) ++own.begin;
  if (own.empty()) return own;
  while (is_shared(own.end - 1)) --own.end;
  return own;
}

}  // namespace

OwnColumns::OwnColumns(const float *input, int64_t images, int64_t height, int64_t width, int64_t channels, int threads)
    : height_(height), spans_(static_cast<std::size_t>(images * height), Span{0, width}) {
  const int64_t floats = width * channels;
  parallel(threads, (images - 1) * height, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin + height; row < end + height; ++row)
      spans_[static_cast<std::size_t>(row)] =
          difference(input + row * floats, input + row % height * floats, width, channels);
  });
  any_shared_ = std::any_of(spans_.begin(), spans_.end(), [&](const Span &own) { return own.end - own.begin < width; });
}

}  // namespace scorecam
