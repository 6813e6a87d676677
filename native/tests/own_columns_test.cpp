#include "cpu/own_columns.h"

#include <cinttypes>
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"

using scorecam::OwnColumns;
using scorecam::Span;

namespace {

constexpr int64_t kImages = 4, kHeight = 3, kWidth = 5, kChannels = 2;

void expect(const OwnColumns &columns, int64_t image, int64_t row, int64_t begin, int64_t end) {
  const Span &own = columns.of(image, row);
  CHECK(begin == end ? own.empty() : own.begin == begin && own.end == end,
        "row %" PRId64 " of image %" PRId64 ": %" PRId64 " to %" PRId64 ", not %" PRId64 " to %" PRId64, row, image,
        own.begin, own.end, begin, end);
}

void spans() {
  std::vector<float> images(kImages * kHeight * kWidth * kChannels, 1);
  const auto at = [&](int64_t image, int64_t row, int64_t column, int64_t channel) -> float & {
    return images[static_cast<std::size_t>(((image * kHeight + row) * kWidth + column) * kChannels + channel)];
  };
  at(1, 0, 0, 1) = 2;  // the first pixel of a row
  at(1, 1, 4, 0) = 2;  // the last
  at(1, 2, 1, 0) = at(1, 2, 3, 1) = 2;
  at(2, 1, 2, 1) = std::numeric_limits<float>::quiet_NaN();
  for (int64_t image = 0; image < kImages; ++image) at(image, 2, 2, 0) = std::numeric_limits<float>::quiet_NaN();
  at(0, 0, 4, 0) = 0;
  at(2, 0, 4, 0) = -0.0f;
  at(1, 0, 4, 0) = at(3, 0, 4, 0) = 0;

  const OwnColumns columns(images.data(), kImages, kHeight, kWidth, kChannels, 1);
  CHECK(columns.any_shared(), "nothing is shared");
  for (int64_t row = 0; row < kHeight; ++row) {
    expect(columns, 0, row, 0, kWidth);
    expect(columns, 3, row, 0, 0);
  }
  expect(columns, 1, 0, 0, 1);
  expect(columns, 1, 1, 4, 5);
  expect(columns, 1, 2, 1, 4);
  // Another zero is another value: what divides by it tells.
  expect(columns, 2, 0, 4, 5);
  expect(columns, 2, 1, 2, 3);
  expect(columns, 2, 2, 0, 0);
  CHECK(columns.has(1, 2, 2) && !columns.has(1, 2, 4) && !columns.has(3, 0, 0) && columns.has(0, 2, 4), "has");
}

void nothing_shared() {
  std::vector<float> images;
  for (int i = 0; i < 2 * 3 * 4; ++i) images.push_back(static_cast<float>(i));
  CHECK(!OwnColumns(images.data(), 2, 3, 4, 1, 1).any_shared(), "images that differ share something");
  CHECK(!OwnColumns(images.data(), 1, 6, 4, 1, 1).any_shared(), "a single image shares something");
}

}  // namespace

int main() {
  spans();
  nothing_shared();
  return check::report();
}
