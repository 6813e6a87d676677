// Non-maximum suppression and RoIAlign by hand, and on arguments that make no sense.
#include <limits>
#include <vector>

#include "../src/cpu/nms.h"
#include "../src/cpu/roi_align.h"
#include "check.h"

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

using Places = std::vector<int64_t>;

void check_nms() {
  // The second overlaps the first by 8 / 16, the third touches it.
  const std::vector<float> boxes = {0, 0, 4, 4, 0, 0, 4, 2, 4, 0, 8, 4, 1, 1, 1, 1};
  const std::vector<float> scores = {0.5f, 0.75f, 0.5f, 0.5f};
  const auto kept = [&](double threshold) { return scorecam::nms(boxes.data(), scores.data(), 4, threshold); };
  CHECK((kept(0.5) == Places{1, 0, 2, 3}), "an overlap of the threshold is kept");
  CHECK((kept(0.49) == Places{1, 2, 3}), "an overlap of more than the threshold is not");
  CHECK((kept(kNan) == Places{1, 0, 2, 3}), "no overlap is more than NaN");
  CHECK((scorecam::nms(boxes.data(), scores.data(), 0, 0.5).empty()), "nothing is kept of nothing");
  const std::vector<float> odd = {kNan, 0, 4, 4, -kInfinity, 0, kInfinity, 4, 0, 0, 4, 4, 4, 4, 0, 0};
  const std::vector<float> order = {0.5f, kNan, -kInfinity, kInfinity};
  CHECK((scorecam::nms(odd.data(), order.data(), 4, 0.0) == Places{1, 3, 0, 2}), "NaN goes first");
}

template <class T>
std::vector<double> aligned(const scorecam::RoiAlign &request, const std::vector<double> &image,
                            const std::vector<double> &region) {
  const auto converted = [](const std::vector<double> &values) {
    std::vector<T> result;
    for (const double value : values) result.push_back(T(value));
    return result;
  };
  std::vector<T> out(static_cast<std::size_t>(request.channels * request.bins_high * request.bins_wide), T(-1.));
  scorecam::roi_align(request, converted(image).data(), converted(region).data(), 1, out.data());
  std::vector<double> result;
  for (const T value : out) result.push_back(static_cast<double>(value));
  return result;
}

template <class T>
void check_roi_align() {
  scorecam::RoiAlign request = {1, 3, 4, 1, 2, 0.5, 1, false};
  const std::vector<double> ramp = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
  using Values = std::vector<double>;
  // From (1, 1) to (3, 2) of the image: samples at (1.5, 1.5) and (2.5, 1.5).
  CHECK((aligned<T>(request, ramp, {0, 2, 2, 6, 4}) == Values{16.5, 17.5}), "a ramp's value is that of its place");
  request.aligned = true;
  CHECK((aligned<T>(request, ramp, {0, 2, 2, 6, 4}) == Values{11, 12}), "half a pixel less in both directions");
  request.samples = 0;
  CHECK((aligned<T>(request, ramp, {0, 2, 2, 6, 4}) == Values{11, 12}), "a sample for each pixel");
  CHECK((aligned<T>(request, ramp, {0, 6, 4, 2, 2}) == Values{0, 0}), "no samples of a region inside out");
  CHECK((aligned<T>(request, ramp, {0, 90, 90, 98, 98}) == Values{0, 0}), "nothing is far outside");
  CHECK((aligned<T>(request, ramp, {0, 0, 0, kInfinity, 4}) == Values{0, 0}), "no samples of an endless region");
  for (const int64_t samples : {0, 1, 3})
    for (int corner = 1; corner < 5; ++corner)
      for (const double value : {double{kNan}, double{kInfinity}, double{-kInfinity}, 1e30, -1e30}) {
        request.samples = samples;
        Values region = {0, 1, 1, 5, 5};
        region[static_cast<std::size_t>(corner)] = value;
        for (const double pooled : aligned<T>(request, ramp, region))
          CHECK(pooled >= 0 && pooled <= 24, "%g of corner %d = %g", pooled, corner, value);
      }
}

}  // namespace

int main() {
  check_nms();
  check_roi_align<float>();
  check_roi_align<double>();
  check_roi_align<scorecam::RoundingHalf>();
  return check::report();
}
