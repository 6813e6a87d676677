// A convolution by Winograd's minimal filtering.
//
// Tiles are taken in rounds. In a round their inputs are transformed, then multiplied with the weights, a group of
// panels of outputs at a time: for each frequency a matrix product, whose results are transformed to outputs as soon
// as the group has all frequencies.
//
// Where weights are few, each thread has rounds of its own, small enough that the transformed inputs stay in its cache.
// Where they are many, all threads share a large round, and each takes a share of the panels: weights are then read
// once per round rather than once per round and thread.
#include <algorithm>

#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_tiling.h"

namespace scorecam {
namespace {

using namespace winograd;

struct Plan {
  bool shared;     // rounds, by all threads
  int64_t rounds;
  int64_t tiles;   // of a round, at most
  int64_t panels;  // of a group, at most
};

Plan plan_of(const ConvolutionRequest &request, int64_t tiles, int threads) {
  const int64_t weight_bytes = panels(request.outputs) * panel_floats(request.inputs) * 4;
  const int64_t tile_bytes = kFrequencies * padded(request.inputs) * 4;
  Plan plan{};
  plan.shared = threads > 1 && weight_bytes > 4 << 20;
  const int64_t fitting = std::max<int64_t>(1, plan.shared ? 16 << 20 / tile_bytes : 1 << 20 / tile_bytes);
  plan.rounds = (tiles + fitting - 1) / fitting;
  if (!plan.shared) plan.rounds = (plan.rounds + threads - 1) / threads * threads;
  plan.tiles = (tiles + plan.rounds - 1) / plan.rounds;
  plan.panels = 1;
  return plan;
}

class Round {
 public:
  // Transformed inputs are [frequency, block, tile, kBlock]. A line more between frequencies, lest they all fall into
  // the same few lines of the cache.
  static int64_t value_floats(const ConvolutionRequest &request, int64_t tiles) {
    return kFrequencies * (padded(request.inputs) * tiles + kBlock);
  }
  static int64_t product_floats(const Plan &plan) { return plan.panels * plan.tiles * kTileProducts; }

  Round(const ConvolutionRequest &request, const WinogradKernels &kernels, const Tiling &tiling, const float *zeros,
        int64_t first, int64_t tiles, float *values)
      : request_(request), kernels_(kernels), tiling_(tiling), zeros_(zeros), first_(first), tiles_(tiles),
        block_stride_(tiles * kBlock), frequency_stride_(padded(request.inputs) * tiles + kBlock), values_(values) {}

  int64_t tiles() const { return tiles_; }

  void transform(int64_t begin, int64_t end) const {
    const float *pixels[kFrequencies];
    for (int64_t tile = begin; tile < end; ++tile) {
      tiling_.inputs(first_ + tile, zeros_, pixels);
      kernels_.winograd_input(pixels, request_.inputs, block_stride_, frequency_stride_, values_ + tile * kBlock);
    }
  }

  // Panels begin to end, with room for their products.
  void multiply(int64_t begin, int64_t end, float *products) const {
    const int64_t blocks = padded(request_.inputs) / kBlock;
    for (int64_t f = 0; f < kFrequencies; ++f)
      for (int64_t panel = begin; panel < end; ++panel)
        kernels_.winograd_product(
            values_ + f * frequency_stride_, block_stride_, blocks,
            request_.weight + panel * panel_floats(request_.inputs) + f * matrix_floats(request_.inputs), tiles_,
            products + (panel - begin) * tiles_ * kTileProducts + f * kPanel);

    int64_t offsets[kTile * kTile];
    for (int64_t tile = 0; tile < tiles_; ++tile) {
      tiling_.outputs(first_ + tile, offsets);
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t o = panel * kPanel;
        kernels_.winograd_output(products + ((panel - begin) * tiles_ + tile) * kTileProducts,
                                 request_.bias ? request_.bias + o : nullptr,
                                 request_.residual ? request_.residual + o : nullptr, request_.relu, offsets,
                                 std::min(kPanel, request_.outputs - o), request_.output + o);
      }
    }
  }

 private:
  const ConvolutionRequest &request_;
  const WinogradKernels &kernels_;
  const Tiling &tiling_;
  const float *zeros_;
  int64_t first_, tiles_, block_stride_, frequency_stride_;
  float *values_;
};

}  // namespace

void winograd_convolution(const ConvolutionRequest &request, const WinogradKernels &kernels) {
  const Tiling tiling(request);
  const int64_t tiles = tiling.tiles(), all_panels = panels(request.outputs);
  const int threads = thread_count(tiles * all_panels, 4 * request.images * request.out_height * request.out_width * request.outputs);
  const Plan plan = plan_of(request, tiles, threads);
  const int64_t value_floats = padded(Round::value_floats(request, plan.tiles));

  const Scratch zeros(1, request.inputs);
  std::fill_n(zeros.piece(0), request.inputs, 0.0f);
  const auto round = [&](int64_t index, float *values) {
    const int64_t first = index * tiles / plan.rounds, end = (index + 1) * tiles / plan.rounds;
    return Round(request, kernels, tiling, zeros.piece(0), first, end - first, values);
  };

  const int64_t groups = (all_panels + plan.panels - 1) / plan.panels;
  const auto multiply = [&](const Round &of, int64_t begin, int64_t end, float *products) {
    for (int64_t group = begin; group < end; ++group)
      of.multiply(group * all_panels / groups, (group + 1) * all_panels / groups, products);
  };
  if (plan.shared) {
    const Scratch values(1, value_floats), products(threads, Round::product_floats(plan));
    for (int64_t index = 0; index < plan.rounds; ++index) {
      const Round shared = round(index, values.piece(0));
      parallel(threads, shared.tiles(), [&](int64_t begin, int64_t end, int) { shared.transform(begin, end); });
      parallel(threads, groups,
               [&](int64_t begin, int64_t end, int thread) { multiply(shared, begin, end, products.piece(thread)); });
    }
  } else {
    const Scratch scratch(threads, value_floats + Round::product_floats(plan));
    parallel(threads, plan.rounds, [&](int64_t begin, int64_t end, int thread) {
      float *const values = scratch.piece(thread);
      for (int64_t index = begin; index < end; ++index) {
        const Round own = round(index, values);
        own.transform(0, own.tiles());
        multiply(own, 0, groups, values + value_floats);
      }
    });
  }
}

}  // namespace scorecam
