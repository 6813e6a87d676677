// The first convolution of masked images from its responses, as scorecam.h defines it: SCORECAM_MAX_ISA=scalar.
#include <vector>

#include "cpu/operations.h"
#include "cpu/stem_axis.h"
#include "cpu/stem_values.h"

namespace scorecam {
namespace oracle {

void stem_batch(const StemRequest &request) {
  const scorecam_stem &stem = request.stem;
  const int64_t h = stem.activations.sizes[1], w = stem.activations.sizes[2];
  const StemAxis down(request.masking.upsampling, h, stem.height, stem.window, 0);
  const StemAxis across(request.masking.upsampling, w, stem.width, stem.window, 1);
  std::vector<float> map(static_cast<std::size_t>(h * w));
  float *out = request.out;
  for (int64_t b = 0; b < request.rows; ++b) {
    stem_values(stem, request.row_channels[b], request.masking, map.data());
    for (int64_t y = 0; y < request.out_height; ++y)
      for (int64_t x = 0; x < request.out_width; ++x)
        for (int64_t o = 0; o < stem.outputs; ++o) {
          const StemAxis::Cells rows = down.cells[static_cast<std::size_t>(y)];
          const StemAxis::Cells columns = across.cells[static_cast<std::size_t>(x)];
          double sum = stem.bias == nullptr ? 0 : static_cast<double>(stem.bias[o]);
          for (int64_t i = rows.begin; i < rows.end; ++i)
            for (int64_t j = columns.begin; j < columns.end; ++j) {
              const int64_t of_class = i % down.classes * across.classes + j % across.classes;
              const float *response = stem.responses + ((of_class * request.out_height + y) * request.out_width + x) * stem.outputs;
              sum += static_cast<double>(map[static_cast<std::size_t>(i * w + j)]) * static_cast<double>(response[o]);
            }
          const auto value = static_cast<float>(sum);
          *out++ = value < stem.lowest ? stem.lowest : value > stem.highest ? stem.highest : value;
        }
  }
}

}  // namespace oracle
}  // namespace scorecam
