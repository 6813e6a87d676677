// RoIAlign (He et al., "Mask R-CNN", ICCV 2017): cuts regions out of images, each as so many bins, whose values are the
// means of bilinear samples.
#pragma once

#include <cstdint>

#include "cpu/rounding_half.h"

namespace scorecam {

struct RoiAlign {
  int64_t channels, height, width;   // of the images
  int64_t bins_high, bins_wide;      // of each region
  double scale;                      // from a region's coordinates to the images'
  int64_t samples;                   // in a bin along each axis; 0 or less for one for each pixel, rounded up
  bool aligned;                      // whether coordinates are those of pixels' corners rather than of their centres
};

// images [N, C, H, W]; regions [R, 5], each the number of its image, from 0 and less than N, and x0, y0, x1, y1; out
// [R, C, bins_high, bins_wide]. All dense; T is float, double or RoundingHalf. Samples more than a pixel outside of the
// image count as 0, and so do bins without samples, as of regions that are not finite.
template <class T>
void roi_align(const RoiAlign &request, const T *images, const T *regions, int64_t count, T *out);

extern template void roi_align(const RoiAlign &, const float *, const float *, int64_t, float *);
extern template void roi_align(const RoiAlign &, const double *, const double *, int64_t, double *);
extern template void roi_align(const RoiAlign &, const RoundingHalf *, const RoundingHalf *, int64_t, RoundingHalf *);

}  // namespace scorecam
