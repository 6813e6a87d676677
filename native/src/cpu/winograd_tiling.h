// Where the tiles of a convolution lie.
//
// Images may be laid side by side on a sheet with lines of zeros between them, as many as the padding has, and the
// sheet cut into tiles: a side of 14 takes 4 tiles of 4 lines, 4 such sides in a row take 15 instead of 16.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/layer_request.h"
#include "cpu/own_columns.h"
#include "cpu/winograd.h"

namespace scorecam {
namespace winograd {

class Tiling {
 public:
  explicit Tiling(const ConvolutionRequest &request) : request_(request) {
    // Of four sides in a row the lines are a multiple of the tile, so that more gain nothing.
    for (const int64_t down : {1, 2, 4})
      for (const int64_t across : {1, 2, 4})
        if (down * across == 1 || request.padding > 0) lay_out(down, across);
  }
  Tiling(const Tiling &) = delete;
  Tiling &operator=(const Tiling &) = delete;

  int64_t tiles() const { return sheets_ * tiles_down_ * tiles_across_; }

  // The pixels of the input that the tile is computed from, [kSide, kSide]; `zeros` where there is none.
  void inputs(int64_t tile, const float *zeros, const float **pixels) const {
    visit<kSide>(tile, request_.padding, request_.height, request_.width, [&](int64_t i, const Pixel *pixel) {
      pixels[i] = pixel == nullptr
                      ? zeros
                      : request_.input + pixel->offset(request_.height, request_.width, request_.inputs);
    });
  }

  // Whether any of the pixels that the tile is computed from is its image's own.
  bool is_own(int64_t tile, const OwnColumns &columns) const {
    bool own = false;
    visit<kSide>(tile, request_.padding, request_.height, request_.width, [&](int64_t, const Pixel *pixel) {
      own |= pixel != nullptr && columns.has(pixel->image, pixel->row, pixel->column);
    });
    return own;
  }

  // Where the tile's outputs are, [kTile, kTile]; negative for those that there are not.
  void outputs(int64_t tile, int64_t *offsets) const {
    visit<kTile>(tile, 0, request_.out_height, request_.out_width, [&](int64_t i, const Pixel *pixel) {
      offsets[i] = pixel == nullptr ? -1 : pixel->offset(request_.out_height, request_.out_width, request_.outputs);
    });
  }

 private:
  struct Line {
    int64_t image, line;  // of the sheet's images along the axis, and in it; line is -1 if it is none of its lines
  };

  struct Pixel {
    int64_t image, row, column;

    // In channels-last images.
    int64_t offset(int64_t height, int64_t width, int64_t channels) const {
      return ((image * height + row) * width + column) * channels;
    }
  };

  void lay_out(int64_t down, int64_t across) {
    const int64_t sheets = (request_.images + down * across - 1) / (down * across);
    const int64_t tiles_down = axis_tiles(down, request_.height, request_.out_height);
    const int64_t tiles_across = axis_tiles(across, request_.width, request_.out_width);
    if (sheets_ > 0 && sheets * tiles_down * tiles_across >= tiles()) return;
    down_ = down;
    across_ = across;
    sheets_ = sheets;
    tiles_down_ = tiles_down;
    tiles_across_ = tiles_across;
  }

  int64_t axis_tiles(int64_t count, int64_t in, int64_t out) const {
    return ((count - 1) * (in + request_.padding) + out + kTile - 1) / kTile;
  }

  Line line_at(int64_t position, int64_t count, int64_t in, int64_t size) const {
    if (position < 0) return {0, -1};
    const int64_t period = in + request_.padding;
    const int64_t image = count == 1 ? 0 : std::min(position / period, count - 1);
    const int64_t line = position - image * period;
    return {image, line < size ? line : -1};
  }

  // Calls with each of Side x Side pixels from `before` lines before the tile on; null for those that there are not.
  template <int Side, class Visitor>
  void visit(int64_t tile, int64_t before, int64_t height, int64_t width, Visitor &&visitor) const {
    const int64_t sheet = tile / (tiles_down_ * tiles_across_), in_sheet = tile % (tiles_down_ * tiles_across_);
    const int64_t top = in_sheet / tiles_across_ * kTile - before, left = in_sheet % tiles_across_ * kTile - before;
    Line columns[Side];
    for (int64_t x = 0; x < Side; ++x) columns[x] = line_at(left + x, across_, request_.width, width);
    for (int64_t y = 0; y < Side; ++y) {
      const Line row = line_at(top + y, down_, request_.height, height);
      for (int64_t x = 0; x < Side; ++x) {
        const int64_t image = (sheet * down_ + row.image) * across_ + columns[x].image;
        const bool there = row.line >= 0 && columns[x].line >= 0 && image < request_.images;
        const Pixel pixel = {image, row.line, columns[x].line};
        visitor(Side * y + x, there ? &pixel : nullptr);
      }
    }
  }

  const ConvolutionRequest &request_;
  int64_t down_ = 1, across_ = 1, sheets_ = 0, tiles_down_ = 0, tiles_across_ = 0;
};

}  // namespace winograd
}  // namespace scorecam
