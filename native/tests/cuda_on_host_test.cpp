// The CUDA kernels, compiled for the host, against the scalar oracle.
#include "cuda_on_host.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "arrays.h"
#include "check.h"
#include "cuda/device.cuh"
#include "scenes.h"

// What is static shared memory on a device.
namespace scorecam {
namespace cuda {
struct Scan;
extern Scan *const shared_scans;
}  // namespace cuda
}  // namespace scorecam

#include "cuda/channel_range.cuh"
#include "cuda/masked_batch.cuh"

namespace scorecam {
namespace cuda {
static Scan scan_places[kThreads];
Scan *const shared_scans = scan_places;
}  // namespace cuda
}  // namespace scorecam

using namespace arrays;
using namespace scenes;
using variants::ok;
using namespace scorecam;
using namespace scorecam::cuda;

namespace {

// Tiles of one row and of many, rows longer than a tile, sizes off every boundary of 16 bytes.
const Shape kShapes[] = {{7, 7, 31, 40, 3},   {1, 1, 3, 5, 3},     {5, 3, 17, 33, 1},   {9, 4, 20, 24, 4},
                         {4, 9, 7, 29, 13},   {40, 30, 11, 13, 3}, {14, 14, 3, 2050, 3}, {3, 2, 2, 700, 13},
                         {6, 6, 2, 3, 3000},  {12, 12, 12, 12, 3}, {2, 50, 64, 16, 2},  {300, 3, 5, 8, 3}};

template <class Out, int Repeat, class Arguments>
void launch_rows(const Arguments &arguments) {
  const MaskedBatchParams &params = arguments.params;
  on_host::launch(static_cast<unsigned>(params.tiling.across * params.tiling.down),
                  static_cast<unsigned>((params.rows + params.rows_per_block - 1) / params.rows_per_block),
                  shared_bytes(params.tiling, params.channels + 1),
                  [&] { masked_batch_kernel<Out, Repeat, Arguments>(arguments); });
}

template <class Out, class Arguments>
void run_masked_batch(const MaskedBatchRequest &request, int64_t multiprocessors) {
  const auto arguments = std::make_unique<Arguments>();
  for (int64_t row = 0; row < request.rows;) {
    arguments->params = masked_batch_params(request, multiprocessors);
    row = fill_rows(request, row, *arguments);
    if (request.channels_last && request.channels == 3)
      launch_rows<Out, 3>(*arguments);
    else
      launch_rows<Out, 0>(*arguments);
  }
}

void test_masked_batch(const Shape &shape, const scorecam_masking &masking, std::size_t turn, std::mt19937 &random) {
  Scene scene(shape, turn, random);
  scene.find_ranges(shape, masking);
  const scorecam_source source = scene.source();
  const int64_t row_channels[] = {kPlain, kCopyOfPlain, kConstant, kPlain, kInfinite, SCORECAM_CHANNEL_NONE,
                                  kNan,   kPlain};
  constexpr int64_t rows = 8;
  const int64_t sample = shape.channels * shape.height * shape.width, gap = turn % 3;
  const Layout layout = turn % 2 ? Layout::contiguous : Layout::channels_last;
  for (const int32_t dtype : kDtypes) {
    Array expected(dtype, {rows, shape.channels, shape.height, shape.width}, layout, gap);
    Array actual(dtype, {rows, shape.channels, shape.height, shape.width}, layout, gap);
    if (!ok(scorecam_masked_batch(&source, row_channels, &masking, &expected.tensor))) return;
    const MaskedBatchRequest request = check_masked_batch(&source, row_channels, &masking, &actual.tensor);
    // Few rows at a time, so that a chunk takes several launches; and blocks of one row and of several.
    using Few = MaskedBatchArguments<5>;
    const int64_t multiprocessors = turn % 2 ? 1 : 100;
    if (dtype == SCORECAM_DTYPE_FLOAT32)
      run_masked_batch<Float32Out, Few>(request, multiprocessors);
    else if (dtype == SCORECAM_DTYPE_BFLOAT16)
      run_masked_batch<Bfloat16Out, SmallArguments>(request, multiprocessors);
    else
      run_masked_batch<Float16Out, LargeArguments>(request, multiprocessors);
    CHECK(actual.guards_intact(sample, gap), "wrote outside of out");
    for (int64_t b = 0; b < rows; ++b)
      for (int64_t i = 0; i < sample; ++i) {
        const int64_t offset = b * actual.tensor.strides[0] + i;
        const float value = widen(dtype, actual.tensor.data, offset), right = widen(dtype, expected.tensor.data, offset);
        const float tolerance = dtype == SCORECAM_DTYPE_FLOAT32 ? 1e-5f : dtype == SCORECAM_DTYPE_FLOAT16 ? 2e-3f : 2e-2f;
        CHECK(near(value, right, tolerance), "%dx%d to %dx%dx%d, upsampling %d, dtype %d, row %d element %d: %g, not %g",
              static_cast<int>(shape.h), static_cast<int>(shape.w), static_cast<int>(shape.channels),
              static_cast<int>(shape.height), static_cast<int>(shape.width), masking.upsampling, dtype,
              static_cast<int>(b), static_cast<int>(i), static_cast<double>(value), static_cast<double>(right));
      }
  }
}

void test_channel_range(const Shape &shape, const scorecam_masking &masking, std::size_t turn, std::mt19937 &random) {
  Array maps(kDtypes[turn % 3], {kChannels, shape.h, shape.w}, kLayouts[turn % 4]);
  fill_activations(maps, random);
  std::vector<scorecam_range> expected(kChannels), actual(kChannels);
  ok(scorecam_channel_range(&maps.tensor, shape.height, shape.width, &masking, expected.data()));
  const RangeRequest request = check_channel_range(&maps.tensor, shape.height, shape.width, &masking, actual.data());
  const RangeParams params = range_params(request);
  on_host::launch(3, 1, shared_bytes(params.tiling, 0), [&] { channel_range_kernel(params, kChannels); });
  for (std::size_t k = 0; k < actual.size(); ++k) {
    CHECK(near(actual[k].min, expected[k].min, 2e-6f) && near(actual[k].max, expected[k].max, 2e-6f),
          "channel %zu has [%g, %g], not [%g, %g]", k, static_cast<double>(actual[k].min),
          static_cast<double>(actual[k].max), static_cast<double>(expected[k].min), static_cast<double>(expected[k].max));
    CHECK(actual[k].flags == expected[k].flags && actual[k].hash == expected[k].hash, "channel %zu: flags or hash", k);
  }
}

}  // namespace

int main() {
  ok(scorecam_set_max_isa("scalar"));
  std::mt19937 random(3);
  std::size_t turn = 0;
  for (const Shape &shape : kShapes)
    for (const int32_t upsampling : kUpsamplings)
      for (const int32_t normalisation : {SCORECAM_NORMALISE_AFTER, SCORECAM_NORMALISE_BEFORE}) {
        const scorecam_masking masking = {upsampling, normalisation, 1e-8f, 0};
        test_masked_batch(shape, masking, turn, random);
        test_channel_range(shape, masking, turn, random);
        ++turn;
      }
  return check::report();
}
