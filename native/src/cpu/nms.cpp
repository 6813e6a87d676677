#include "cpu/nms.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scorecam {
namespace {

template <class T>
struct Box {
  T x0, y0, x1, y1, area;

  explicit Box(const T *corners)
      : x0(corners[0]), y0(corners[1]), x1(corners[2]), y1(corners[3]), area((x1 - x0) * (y1 - y0)) {}

  bool overlaps(const Box &other, double threshold) const {
    const T width = std::min(x1, other.x1) - std::max(x0, other.x0);
    const T height = std::min(y1, other.y1) - std::max(y0, other.y0);
    const T shared = std::max(width, T(0)) * std::max(height, T(0));
    // A NaN, which two boxes without area give as well, is above no threshold.
    return shared / (area + other.area - shared) > threshold;
  }
};

}  // namespace

template <class T>
std::vector<int64_t> nms(const T *boxes, const T *scores, int64_t count, double threshold) {
  std::vector<int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [scores](int64_t a, int64_t b) {
    return std::isnan(scores[a]) ? !std::isnan(scores[b]) : scores[a] > scores[b];
  });
  std::vector<int64_t> places;
  std::vector<Box<T>> kept;
  for (const int64_t place : order) {
    const Box<T> box(boxes + 4 * place);
    if (std::any_of(kept.begin(), kept.end(), [&](const Box<T> &better) { return better.overlaps(box, threshold); }))
      continue;
    kept.push_back(box);
    places.push_back(place);
  }
  return places;
}

template std::vector<int64_t> nms(const float *, const float *, int64_t, double);
template std::vector<int64_t> nms(const double *, const double *, int64_t, double);

}  // namespace scorecam
