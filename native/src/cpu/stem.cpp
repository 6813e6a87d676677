// The first convolution of masked images, from what it makes of each cell of a map.
//
// A thread takes consecutive rows of the output. Where neighbouring pixels touch the same cells, these pixels' responses
// are read for kStemRows chunk rows at a time, and stay in the nearest cache for the next ones: the responses are read
// from memory once for the whole chunk.
#include <algorithm>
#include <vector>

#include "cpu/elements.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/stem_axis.h"
#include "cpu/stem_values.h"

namespace scorecam {
namespace {

// Pixels whose responses, of some ten cells, fit into the nearest cache beside what is written.
int64_t pixels_at_once(int64_t outputs) {
  constexpr int64_t kFloats = 512;
  return std::max<int64_t>(1, kFloats / outputs);
}

class StemRows {
 public:
  StemRows(const StemRequest &request, const StemKernels &kernels)
      : request_(request),
        stem_(request.stem),
        kernels_(kernels),
        y_(request.masking.upsampling, stem_.activations.sizes[1], stem_.height, stem_.window, 0),
        x_(request.masking.upsampling, stem_.activations.sizes[2], stem_.width, stem_.window, 1),
        groups_((request.rows + kStemRows - 1) / kStemRows),
        values_(static_cast<std::size_t>(groups_ * map_cells() * kStemRows)),
        bias_(static_cast<std::size_t>(stem_.outputs)) {
    if (stem_.bias != nullptr) std::copy_n(stem_.bias, stem_.outputs, bias_.begin());
    std::vector<float> map(static_cast<std::size_t>(map_cells()));
    for (int64_t row = 0; row < request.rows; ++row) {
      stem_values(stem_, request.row_channels[row], request.masking, map.data());
      float *const to = values_.data() + row / kStemRows * map_cells() * kStemRows + row % kStemRows;
      for (std::size_t cell = 0; cell < map.size(); ++cell) to[cell * kStemRows] = map[cell];
    }
  }

  int64_t most_cells() const { return y_.classes * x_.classes; }

  // One row of all rows' outputs. The scratch vectors have room for most_cells().
  void write(int64_t y, std::vector<const float *> &responses, std::vector<float> &values) const {
    const int64_t most = pixels_at_once(stem_.outputs);
    for (int64_t begin = 0; begin < request_.out_width;) {
      int64_t end = begin + 1;
      while (end < request_.out_width && end - begin < most && cells(x_, end) == cells(x_, begin)) ++end;
      write(y, begin, end, responses, values);
      begin = end;
    }
  }

 private:
  int64_t map_cells() const { return stem_.activations.sizes[1] * stem_.activations.sizes[2]; }

  static const StemAxis::Cells &cells(const StemAxis &axis, int64_t output) {
    return axis.cells[static_cast<std::size_t>(output)];
  }

  void write(int64_t y, int64_t begin, int64_t end, std::vector<const float *> &responses,
             std::vector<float> &values) const {
    const StemAxis::Cells &down = cells(y_, y), &across = cells(x_, begin);
    const int64_t pixel = y * request_.out_width + begin;
    StemRun run{};
    run.pixels = end - begin;
    run.channels = stem_.outputs;
    run.responses = responses.data();
    run.values = values.data();
    run.bias = bias_.data();
    run.lowest = stem_.lowest;
    run.highest = stem_.highest;
    const int64_t plane = request_.out_height * request_.out_width;
    for (int64_t i = down.begin; i < down.end; ++i)
      for (int64_t j = across.begin; j < across.end; ++j) {
        const int64_t of_class = i % y_.classes * x_.classes + j % x_.classes;
        responses[static_cast<std::size_t>(run.cells++)] =
            stem_.responses + (of_class * plane + pixel) * stem_.outputs;
      }
    for (int64_t group = 0; group < groups_; ++group) {
      float *to = values.data();
      for (int64_t i = down.begin; i < down.end; ++i) {
        const float *from = values_.data() +
                            ((group * stem_.activations.sizes[1] + i) * stem_.activations.sizes[2] + across.begin) * kStemRows;
        to = std::copy_n(from, (across.end - across.begin) * kStemRows, to);
      }
      const int64_t first = group * kStemRows;
      run.rows = std::min<int64_t>(kStemRows, request_.rows - first);
      float *out[kStemRows];
      for (int64_t row = 0; row < run.rows; ++row)
        out[row] = request_.out + ((first + row) * plane + pixel) * stem_.outputs;
      run.out = out;
      kernels_.stem_run(run);
    }
  }

  const StemRequest &request_;
  const scorecam_stem &stem_;
  const StemKernels &kernels_;
  const StemAxis y_, x_;
  const int64_t groups_;
  std::vector<float> values_;  // [group, cell, kStemRows]
  std::vector<float> bias_;
};

}  // namespace

void stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2], const scorecam_window &window,
                  int64_t classes[2]) {
  for (int d = 0; d < 2; ++d) classes[d] = StemAxis(upsampling, map[d], image[d], window, d).classes;
}

void stem_batch(const StemRequest &request, const StemKernels &kernels) {
  const StemRows rows(request, kernels);
  const int64_t bytes =
      request.rows * request.out_height * request.out_width * request.stem.outputs * static_cast<int64_t>(sizeof(float));
  const int threads = thread_count(request.out_height, bytes);
  // Taken before threads start, since nothing may be thrown from within them.
  const auto most = static_cast<std::size_t>(rows.most_cells());
  std::vector<std::vector<const float *>> responses(static_cast<std::size_t>(threads),
                                                    std::vector<const float *>(most));
  std::vector<std::vector<float>> values(static_cast<std::size_t>(threads), std::vector<float>(most * kStemRows));
  parallel(threads, request.out_height, [&](int64_t begin, int64_t end, int thread) {
    const auto self = static_cast<std::size_t>(thread);
    for (int64_t y = begin; y < end; ++y) rows.write(y, responses[self], values[self]);
  });
}

}  // namespace scorecam
