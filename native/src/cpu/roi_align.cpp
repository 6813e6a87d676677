#include "cpu/roi_align.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <vector>

#include "cpu/parallel.h"

namespace scorecam {
namespace {

// Where a sample lies along an axis: between two pixels, of which each has a share.
template <class T>
struct Tap {
  int64_t low, high;
  T of_low, of_high;
};

// The samples of a region along one axis, those outside of the image left out.
template <class T>
struct Axis {
  std::vector<Tap<T>> taps;
  std::vector<std::size_t> begins;  // of each bin's taps, and their end
  int64_t samples;                  // in each bin, those outside too

  Axis(T start, T length, int64_t bins, int64_t wanted, int64_t extent) {
    const T bin = length / T(bins);
    samples = wanted > 0 ? wanted : samples_for(std::ceil(static_cast<double>(bin)));
    for (int64_t b = 0; b < bins; ++b) {
      begins.push_back(taps.size());
      for (int64_t s = 0; s < samples; ++s)
        add(start + T(b) * bin + T(static_cast<float>(s) + 0.5f) * bin / T(samples), extent);
    }
    begins.push_back(taps.size());
  }

  // None of a region that ends before it starts, or is not finite.
  static int64_t samples_for(double pixels) { return pixels > 0 && pixels < 2147483648. ? std::llround(pixels) : 0; }

  void add(T place, int64_t extent) {
    const double at = static_cast<double>(place);
    if (!(at >= -1 && at <= static_cast<double>(extent))) return;
    const int64_t low = static_cast<int64_t>(std::max(at, 0.));
    if (low >= extent - 1) {
      taps.push_back({extent - 1, extent - 1, T(int64_t{1}), T(int64_t{0})});
      return;
    }
    const T of_high = at <= 0 ? T(int64_t{0}) : place - T(low);
    taps.push_back({low, low + 1, T(1 - static_cast<double>(of_high)), of_high});
  }
};

template <class T>
void align(const RoiAlign &request, const T *images, const T *region, T *out) {
  const T scale = T(request.scale), offset = T(request.aligned ? 0.5f : 0.f);
  T start[2], length[2];
  for (int axis = 0; axis < 2; ++axis) {
    start[axis] = region[1 + axis] * scale - offset;
    length[axis] = region[3 + axis] * scale - offset - start[axis];
    // Without alignment a region has at least one pixel.
    if (!request.aligned && static_cast<double>(length[axis]) < 1) length[axis] = T(int64_t{1});
  }
  const Axis<T> columns(start[0], length[0], request.bins_wide, request.samples, request.width);
  const Axis<T> rows(start[1], length[1], request.bins_high, request.samples, request.height);
  const T count = T(std::max<int64_t>(1, rows.samples * columns.samples));
  const int64_t pixels = request.height * request.width;
  const T *plane = images + static_cast<int64_t>(static_cast<double>(region[0])) * request.channels * pixels;
  for (int64_t c = 0; c < request.channels; ++c, plane += pixels)
    for (std::size_t i = 0; i + 1 < rows.begins.size(); ++i)
      for (std::size_t j = 0; j + 1 < columns.begins.size(); ++j) {
        T sum = T(int64_t{0});
        for (std::size_t y = rows.begins[i]; y < rows.begins[i + 1]; ++y) {
          const Tap<T> &row = rows.taps[y];
          const T *above = plane + row.low * request.width, *below = plane + row.high * request.width;
          for (std::size_t x = columns.begins[j]; x < columns.begins[j + 1]; ++x) {
            const Tap<T> &column = columns.taps[x];
            sum = sum + (row.of_low * column.of_low * above[column.low] + row.of_low * column.of_high * above[column.high] +
                         row.of_high * column.of_low * below[column.low] + row.of_high * column.of_high * below[column.high]);
          }
        }
        *out++ = sum / count;
      }
}

}  // namespace

template <class T>
void roi_align(const RoiAlign &request, const T *images, const T *regions, int64_t count, T *out) {
  const int64_t values = request.channels * request.bins_high * request.bins_wide;
  const int threads = thread_count(count, count * values * static_cast<int64_t>(sizeof(T)));
  std::atomic<bool> out_of_memory(false);
  parallel(threads, count, [&](int64_t begin, int64_t end, int) {
    try {
      for (int64_t r = begin; r < end; ++r) align(request, images, regions + 5 * r, out + r * values);
    } catch (const std::bad_alloc &) {
      out_of_memory = true;
    }
  });
  if (out_of_memory) throw std::bad_alloc();
}

template void roi_align(const RoiAlign &, const float *, const float *, int64_t, float *);
template void roi_align(const RoiAlign &, const double *, const double *, int64_t, double *);
template void roi_align(const RoiAlign &, const RoundingHalf *, const RoundingHalf *, int64_t, RoundingHalf *);

}  // namespace scorecam
