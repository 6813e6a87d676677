// A convolution by Winograd's minimal filtering.
//
// Tiles are taken in rounds. In a round their inputs are transformed, then multiplied with the weights, a group of
// panels of outputs at a time: a matrix product for each frequency, whose results become outputs as soon as the group
// has them all.
//
// Tiles whose pixels are all the same in the first image (own_columns.h) are left out, and their outputs taken from
// there.
//
// Where weights are few, each thread has rounds of its own, so small that all they hold stays in its cache. Where they
// are many, all threads share large rounds, and each takes a share of the panels: weights are then read once per
// round, not once per round and thread.
#include <algorithm>
#include <numeric>
#include <vector>

#include "cpu/operations.h"
#include "cpu/own_columns.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "cpu/winograd.h"
#include "cpu/winograd_tiling.h"

namespace scorecam {
namespace {

using namespace winograd;

int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

// Measured on 2 MiB of second level cache per core, on the shapes of scorecam_convolution_bench.
constexpr int64_t kFewWeights = 4 << 20;    // bytes that are read often without harm
constexpr int64_t kOwnRound = 500 << 10;    // bytes of transformed inputs
constexpr int64_t kSharedRound = 12 << 20;
constexpr int64_t kSharedGroup = 4;         // panels that share a reading of the transformed inputs

int64_t image_floats(const ConvolutionRequest &request) {
  return request.out_height * request.out_width * request.outputs;
}

// All tiles: first those that are computed, then those whose outputs are the first image's.
class Tiles {
 public:
  Tiles(const ConvolutionRequest &request, const Tiling &tiling, int threads)
      : order_(static_cast<std::size_t>(tiling.tiles())), computed_(tiling.tiles()) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
    const OwnColumns columns(request.input, request.images, request.height, request.width, request.inputs, threads);
    if (!columns.any_shared()) return;
    const auto shared = std::stable_partition(order_.begin(), order_.end(), [&](int64_t tile) {
      return tiling.is_own(tile, columns) || (request.residual != nullptr && adds_own(request, tiling, tile));
    });
    computed_ = shared - order_.begin();
  }

  int64_t computed() const { return computed_; }
  int64_t all() const { return static_cast<int64_t>(order_.size()); }
  int64_t at(int64_t index) const { return order_[static_cast<std::size_t>(index)]; }

 private:
  // Whether something else is added to its outputs than to the first image's.
  static bool adds_own(const ConvolutionRequest &request, const Tiling &tiling, int64_t tile) {
    int64_t offsets[kTile * kTile];
    tiling.outputs(tile, offsets);
    return std::any_of(offsets, offsets + kTile * kTile, [&](int64_t offset) {
      return offset >= 0 && !same(request.residual + offset, request.residual + offset % image_floats(request),
                                  request.outputs);
    });
  }

  std::vector<int64_t> order_;
  int64_t computed_;
};

struct Plan {
  Plan(const ConvolutionRequest &request, int64_t all_tiles, int threads) : tiles(all_tiles) {
    const int64_t all_panels = panels(request.outputs);
    shared = all_panels >= threads && all_panels * panel_floats(request.inputs) * 4 > kFewWeights;
    const int64_t tile_bytes = kFrequencies * padded(request.inputs) * 4;
    rounds = divide_up(tiles, std::max<int64_t>(1, (shared ? kSharedRound : kOwnRound) / tile_bytes));
    groups = all_panels;
    // Threads get equal numbers of what they take.
    if (shared)
      groups = std::min(divide_up(divide_up(all_panels, kSharedGroup), threads) * threads, all_panels);
    else
      rounds = std::min(divide_up(rounds, threads) * threads, tiles);
    round_tiles = divide_up(tiles, rounds);
    group_panels = divide_up(all_panels, groups);
  }

  bool shared;
  int64_t tiles;
  int64_t rounds, groups;
  int64_t round_tiles, group_panels;  // at most
};

// How the tiles of a round are kept: in strips of equal size rather than full ones and a rest, which would leave
// multipliers idle. A strip's values of a frequency are read in the order in which they lie,
// [frequency, strip, block, tile of the strip, kBlock].
struct Strips {
  Strips(int64_t tiles, int64_t longest, int64_t inputs)
      : count(divide_up(tiles, longest)),
        length(divide_up(tiles, count)),
        floats(length * padded(inputs)),
        // A line more, lest the frequencies of a tile all fall into the same few lines of the cache.
        frequency_stride(count * floats + kBlock) {}

  int64_t total_floats() const { return kFrequencies * frequency_stride; }

  int64_t count, length, floats, frequency_stride;
};

class Round {
 public:
  Round(const ConvolutionRequest &request, const WinogradKernels &kernels, const Tiling &tiling, const Tiles &order,
        const Plan &plan, int64_t index, const float *zeros, float *values)
      : request_(request),
        kernels_(kernels),
        tiling_(tiling),
        order_(order),
        plan_(plan),
        first_(index * plan.tiles / plan.rounds),
        tiles_((index + 1) * plan.tiles / plan.rounds - first_),
        strips_(tiles_, kernels.strip, request.inputs),
        zeros_(zeros),
        values_(values) {}

  int64_t tiles() const { return tiles_; }

  void transform(int64_t begin, int64_t end) const {
    const float *pixels[kFrequencies];
    for (int64_t tile = begin; tile < end; ++tile) {
      tiling_.inputs(order_.at(first_ + tile), zeros_, pixels);
      kernels_.winograd_input(
          pixels, request_.inputs, strips_.length * kBlock, strips_.frequency_stride,
          values_ + tile / strips_.length * strips_.floats + tile % strips_.length * kBlock);
    }
  }

  // Groups begin to end, each with the same room for its products.
  void multiply(int64_t begin, int64_t end, float *products) const {
    const int64_t all_panels = panels(request_.outputs);
    for (int64_t group = begin; group < end; ++group) {
      const int64_t first = group * all_panels / plan_.groups, last = (group + 1) * all_panels / plan_.groups;
      multiply_panels(first, last, products);
      write_panels(first, last, products);
    }
  }

 private:
  const float *matrix(int64_t panel, int64_t frequency) const {
    return request_.weight + panel * panel_floats(request_.inputs) + frequency * matrix_floats(request_.inputs);
  }

  // Products are [panel, tile, frequency, kPanel].
  float *products_of(float *products, int64_t panel, int64_t tile) const {
    return products + (panel * tiles_ + tile) * kTileProducts;
  }

  void multiply_panels(int64_t begin, int64_t end, float *products) const {
    const int64_t blocks = padded(request_.inputs) / kBlock;
    for (int64_t f = 0; f < kFrequencies; ++f)
      for (int64_t panel = begin; panel < end; ++panel)
        for (int64_t strip = 0; strip < strips_.count; ++strip) {
          const float *values = values_ + f * strips_.frequency_stride + strip * strips_.floats;
          const Ahead ahead[2] = {matrix_ahead(f, panel, begin, end, strip),
                                  values_ahead(f, values, panel, begin, end)};
          kernels_.winograd_product(
              values, strips_.length * kBlock, blocks, matrix(panel, f),
              std::min(strips_.length, tiles_ - strip * strips_.length), plan_.shared ? &ahead : nullptr,
              products_of(products, panel - begin, strip * strips_.length) + f * kPanel);
        }
  }

  // Shared rounds do not fit into the cache. The strip's share of the next matrix.
  Ahead matrix_ahead(int64_t f, int64_t panel, int64_t begin, int64_t end, int64_t strip) const {
    const int64_t floats = matrix_floats(request_.inputs);
    if (panel + 1 == end && f + 1 == kFrequencies) return {nullptr, nullptr};
    const float *next = panel + 1 < end ? matrix(panel + 1, f) : matrix(begin, f + 1);
    return {next + strip * floats / strips_.count, next + (strip + 1) * floats / strips_.count};
  }

  // The panel's share of the strip's values of the next frequency.
  Ahead values_ahead(int64_t f, const float *values, int64_t panel, int64_t begin, int64_t end) const {
    if (f + 1 == kFrequencies) return {nullptr, nullptr};
    const float *next = values + strips_.frequency_stride;
    return {next + (panel - begin) * strips_.floats / (end - begin),
            next + (panel + 1 - begin) * strips_.floats / (end - begin)};
  }

  void write_panels(int64_t begin, int64_t end, float *products) const {
    int64_t offsets[kTile * kTile];
    for (int64_t tile = 0; tile < tiles_; ++tile) {
      tiling_.outputs(order_.at(first_ + tile), offsets);
      for (int64_t panel = begin; panel < end; ++panel) {
        const int64_t o = panel * kPanel;
        kernels_.winograd_output(products_of(products, panel - begin, tile),
                                 request_.bias ? request_.bias + o : nullptr,
                                 request_.residual ? request_.residual + o : nullptr, request_.relu, offsets,
                                 std::min(kPanel, request_.outputs - o), request_.output + o);
      }
    }
  }

  const ConvolutionRequest &request_;
  const WinogradKernels &kernels_;
  const Tiling &tiling_;
  const Tiles &order_;
  const Plan &plan_;
  const int64_t first_, tiles_;
  const Strips strips_;
  const float *const zeros_;
  float *const values_;
};

// The first image's outputs, where they are there.
void copy_outputs(const ConvolutionRequest &request, const Tiling &tiling, int64_t tile) {
  int64_t offsets[kTile * kTile];
  tiling.outputs(tile, offsets);
  for (const int64_t offset : offsets)
    if (offset >= 0)
      std::copy_n(request.output + offset % image_floats(request), request.outputs, request.output + offset);
}

}  // namespace

void winograd_convolution(const ConvolutionRequest &request, const WinogradKernels &kernels) {
  const Tiling tiling(request);
  const int64_t bytes = 4 * request.images * image_floats(request);
  const Tiles tiles(request, tiling, thread_count(request.images * request.height, bytes));
  const int threads = thread_count(tiles.computed() * panels(request.outputs), bytes);
  const Plan plan(request, tiles.computed(), threads);
  const int64_t value_floats = padded(Strips(plan.round_tiles, kernels.strip, request.inputs).total_floats());
  const int64_t product_floats = plan.group_panels * plan.round_tiles * kTileProducts;

  const Scratch zeros(1, request.inputs);
  std::fill_n(zeros.piece(0), request.inputs, 0.0f);
  const auto round = [&](int64_t index, float *values) {
    return Round(request, kernels, tiling, tiles, plan, index, zeros.piece(0), values);
  };

  if (plan.shared) {
    const Scratch values(1, value_floats), products(threads, product_floats);
    for (int64_t index = 0; index < plan.rounds; ++index) {
      const Round shared = round(index, values.piece(0));
      parallel(threads, shared.tiles(), [&](int64_t begin, int64_t end, int) { shared.transform(begin, end); });
      parallel(threads, plan.groups,
               [&](int64_t begin, int64_t end, int thread) { shared.multiply(begin, end, products.piece(thread)); });
    }
  } else {
    const Scratch scratch(threads, value_floats + product_floats);
    parallel(threads, plan.rounds, [&](int64_t begin, int64_t end, int thread) {
      float *const values = scratch.piece(thread);
      for (int64_t index = begin; index < end; ++index) {
        const Round own = round(index, values);
        own.transform(0, own.tiles());
        own.multiply(0, plan.groups, values + value_floats);
      }
    });
  }
  parallel(threads, tiles.all() - tiles.computed(), [&](int64_t begin, int64_t end, int) {
    for (int64_t index = begin; index < end; ++index)
      copy_outputs(request, tiling, tiles.at(tiles.computed() + index));
  });
}

}  // namespace scorecam
