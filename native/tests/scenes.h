// Two images with their activation maps, for the tests of masks: on the CPU, and of the CUDA kernels on the host.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "arrays.h"
#include "scorecam.h"
#include "variants.h"

namespace scenes {

struct Shape {
  int64_t h, w, height, width, channels;
};

constexpr int32_t kUpsamplings[] = {SCORECAM_UPSAMPLING_NEAREST, SCORECAM_UPSAMPLING_BILINEAR,
                                    SCORECAM_UPSAMPLING_BILINEAR_ALIGNED, SCORECAM_UPSAMPLING_BICUBIC};
constexpr int32_t kDtypes[] = {SCORECAM_DTYPE_FLOAT32, SCORECAM_DTYPE_BFLOAT16, SCORECAM_DTYPE_FLOAT16};
constexpr arrays::Layout kLayouts[] = {arrays::Layout::contiguous, arrays::Layout::channels_last, arrays::Layout::gaps,
                                       arrays::Layout::reversed};

// Of another combination of dtypes and layouts at each turn.
struct Scene {
  arrays::Array maps0, maps1, image0, image1;
  std::vector<scorecam_range> ranges0, ranges1;

  Scene(const Shape &shape, std::size_t turn, std::mt19937 &random)
      : maps0(kDtypes[turn % 3], {arrays::kChannels, shape.h, shape.w}, kLayouts[turn % 4]),
        maps1(SCORECAM_DTYPE_FLOAT32, {arrays::kChannels, shape.h, shape.w}, arrays::Layout::contiguous),
        image0(kDtypes[turn / 2 % 3], {shape.channels, shape.height, shape.width}, kLayouts[turn / 3 % 4]),
        image1(SCORECAM_DTYPE_FLOAT32, {shape.channels, shape.height, shape.width}, kLayouts[turn % 2]),
        ranges0(arrays::kChannels),
        ranges1(arrays::kChannels) {
    arrays::fill_activations(maps0, random);
    arrays::fill_activations(maps1, random);
    arrays::fill_uniform(image0, random, -2, 2);
    arrays::fill_uniform(image1, random, -2, 2);
  }

  // By the instruction set in use.
  void find_ranges(const Shape &shape, const scorecam_masking &masking) {
    variants::ok(scorecam_channel_range(&maps0.tensor, shape.height, shape.width, &masking, ranges0.data()));
    variants::ok(scorecam_channel_range(&maps1.tensor, shape.height, shape.width, &masking, ranges1.data()));
  }

  scorecam_source first() const { return {maps0.tensor, image0.tensor, ranges0.data()}; }
  scorecam_source second() const { return {maps1.tensor, image1.tensor, ranges1.data()}; }
};

}  // namespace scenes
