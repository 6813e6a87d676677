// Where the images of a batch differ from the first one.
//
// Masked inputs are 0 wherever their masks are, and a few pixels further in a network makes the same of that in every
// image. If the first image of a batch is 0 almost everywhere, that is computed for it alone, and the others take it
// from there. In a batch that shares nothing, it takes two pixels of each row to find that out.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace scorecam {

// Whether so many floats are the same, bit by bit.
inline bool same(const float *some, const float *others, int64_t floats) {
  return std::memcmp(some, others, static_cast<std::size_t>(floats) * sizeof(float)) == 0;
}

// Columns begin to end of a row; none where they are the same.
struct Span {
  int64_t begin, end;

  bool empty() const { return begin >= end; }
};

class OwnColumns {
 public:
  // Of dense images [images, height, width, channels], with so many threads.
  OwnColumns(const float *input, int64_t images, int64_t height, int64_t width, int64_t channels, int threads);

  // The shortest span with all pixels of a row that differ, bit by bit, from the first image's. All of that image's
  // pixels are its own.
  const Span &of(int64_t image, int64_t row) const { return spans_[static_cast<std::size_t>(image * height_ + row)]; }

  // Whether a pixel is among those.
  bool has(int64_t image, int64_t row, int64_t column) const {
    const Span &own = of(image, row);
    return own.begin <= column && column < own.end;
  }

  // Whether any pixel is not its image's own.
  bool any_shared() const { return any_shared_; }

 private:
  int64_t height_;
  std::vector<Span> spans_;
  bool any_shared_;
};

}  // namespace scorecam
