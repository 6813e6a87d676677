// Non-maximum suppression: of boxes that overlap much, the one with the highest score.
#pragma once

#include <cstdint>
#include <vector>

namespace scorecam {

// The places of the boxes (x0, y0, x1, y1) that no kept box with a higher score overlaps by more than the threshold,
// the highest score first. Overlap is the area of the intersection over that of the union. Of equal scores the earlier
// goes first, and NaN goes before all others; a box with a NaN, or without an area, overlaps none. T is float or double.
template <class T>
std::vector<int64_t> nms(const T *boxes, const T *scores, int64_t count, double threshold);

extern template std::vector<int64_t> nms(const float *, const float *, int64_t, double);
extern template std::vector<int64_t> nms(const double *, const double *, int64_t, double);

}  // namespace scorecam
