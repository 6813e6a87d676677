// An image with its activation maps, for the tests of masks: on the CPU, and of the CUDA kernels on the host.
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
  arrays::Array maps, image;
  std::vector<scorecam_range> ranges;

  Scene(const Shape &shape, std::size_t turn, std::mt19937 &random)
      : maps(kDtypes[turn % 3], {arrays::kChannels, shape.h, shape.w}, kLayouts[turn % 4]),
        image(kDtypes[turn / 2 % 3], {shape.channels, shape.height, shape.width}, kLayouts[turn / 3 % 4]),
        ranges(arrays::kChannels) {
    arrays::fill_activations(maps, random);
    arrays::fill_uniform(image, random, -2, 2);
  }

  // By the instruction set in use.
  void find_ranges(const Shape &shape, const scorecam_masking &masking) {
    variants::ok(scorecam_channel_range(&maps.tensor, shape.height, shape.width, &masking, ranges.data()));
  }

  scorecam_source source() const { return {maps.tensor, image.tensor, ranges.data()}; }
};

}  // namespace scenes
