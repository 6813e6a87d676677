// The chunk of masked images.
//
// A block holds a tile of the image in shared memory, as float32 in the order of the output, and passes several
// chunk rows over it: upsample the map along rows, then across them into a tile of mask values, multiply, and store
// 16 bytes per thread.
#pragma once

#include "cuda/device.cuh"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace scorecam {
namespace cuda {

struct Float32Out {
  using Element = float;
  __device__ static uint32_t word(const float *values) { return bits_of(values[0]); }
  __device__ static Element narrow(float value) { return value; }
};

struct Bfloat16Out {
  using Element = uint16_t;
  __device__ static Element narrow(float value) {
#if defined(__CUDA_ARCH__)
    return __bfloat16_as_ushort(__float2bfloat16_rn(value));
#else
    return narrow_bfloat16(value);
#endif
  }
  __device__ static uint32_t word(const float *values) {
    return narrow(values[0]) | static_cast<uint32_t>(narrow(values[1])) << 16;
  }
};

struct Float16Out {
  using Element = uint16_t;
  __device__ static Element narrow(float value) {
#if defined(__CUDA_ARCH__)
    return __half_as_ushort(__float2half_rn(value));
#else
    return narrow_float16(value);
#endif
  }
  __device__ static uint32_t word(const float *values) {
    return narrow(values[0]) | static_cast<uint32_t>(narrow(values[1])) << 16;
  }
};

// The tile of an image as float32: by channel, or channels last, as in the output.
__device__ inline void load_image(const MaskedBatchParams &params, const Tile &tile, float *image) {
  const int32_t channels = static_cast<int32_t>(params.channels);
  const int32_t pixels = tile.rows * tile.columns;
  for (int32_t i = threadIdx.x; i < pixels * channels; i += blockDim.x) {
    const int32_t c = params.channels_last ? i % channels : i / pixels;
    const int32_t pixel = params.channels_last ? i / channels : i % pixels;
    const int64_t offset = c * params.image_strides[0] +
                           (tile.first_row + pixel / tile.columns) * params.image_strides[1] +
                           (tile.first_column + pixel % tile.columns) * params.image_strides[2];
    image[i] = load_element(params.image, params.image_dtype, offset);
  }
}

// out[i] = image[i] * mask[i / Repeat] for i < size, `repeat` if Repeat is 0; zeros if mask is null. Stores are 16
// bytes wide between the first and the last boundary of 16 bytes.
template <class Out, int Repeat>
__device__ void write_span(typename Out::Element *out, const float *image, const float *mask, int32_t size,
                           int32_t repeat) {
  constexpr int32_t kVector = 16 / static_cast<int32_t>(sizeof(typename Out::Element));
  constexpr int32_t kPerWord = kVector / 4;
  const int32_t each = Repeat ? Repeat : repeat;
  const int32_t misaligned = static_cast<int32_t>(reinterpret_cast<uintptr_t>(out) % 16 / sizeof(*out));
  int32_t head = misaligned ? kVector - misaligned : 0;
  if (head > size) head = size;
  const int32_t vectors = (size - head) / kVector;
  for (int32_t v = threadIdx.x; v < vectors; v += blockDim.x) {
    const int32_t i = head + v * kVector;
    uint4 words = {0, 0, 0, 0};
    if (mask != nullptr) {
      float values[kVector];
      if (reinterpret_cast<uintptr_t>(image + head) % 16 == 0) {
        // 16 bytes at a time keep threads out of each other's banks.
        for (int32_t j = 0; j < kVector; j += 4) {
          const float4 four = *reinterpret_cast<const float4 *>(image + i + j);
          values[j] = four.x;
          values[j + 1] = four.y;
          values[j + 2] = four.z;
          values[j + 3] = four.w;
        }
      } else {
        for (int32_t j = 0; j < kVector; ++j) values[j] = image[i + j];
      }
      int32_t pixel = i / each, channel = i - pixel * each;
      for (int32_t j = 0; j < kVector; ++j) {
        values[j] *= mask[pixel];
        if (++channel == each) {
          channel = 0;
          ++pixel;
        }
      }
      words.x = Out::word(values);
      words.y = Out::word(values + kPerWord);
      words.z = Out::word(values + 2 * kPerWord);
      words.w = Out::word(values + 3 * kPerWord);
    }
    *reinterpret_cast<uint4 *>(out + i) = words;
  }
  const int32_t tail = head + vectors * kVector;
  for (int32_t i = threadIdx.x; i < head + size - tail; i += blockDim.x) {
    const int32_t at = i < head ? i : tail + i - head;
    out[at] = Out::narrow(mask != nullptr ? image[at] * mask[at / each] : 0.0f);
  }
}

// Grid: tiles, groups of chunk rows.
template <class Out, int Repeat, class Arguments>
__global__ void __launch_bounds__(kThreads) masked_batch_kernel(const __grid_constant__ Arguments arguments) {
  SCORECAM_SHARED_MEMORY(shared);
  const MaskedBatchParams &params = arguments.params;
  const int32_t channels = static_cast<int32_t>(params.channels);
  const int64_t most_pixels = int64_t(params.tiling.rows) * params.tiling.columns;
  float *const image = shared;
  float *const mask = image + padded_to_vectors(most_pixels * channels);
  Tile tile(params.resize, params.tiling, blockIdx.x, shared,
            padded_to_vectors(most_pixels * channels) + padded_to_vectors(most_pixels));
  const int32_t pixels = tile.rows * tile.columns;
  tile.find_taps(params.resize);

  const int64_t begin = int64_t(blockIdx.y) * params.rows_per_block;
  const int64_t end = begin + params.rows_per_block < params.rows ? begin + params.rows_per_block : params.rows;
  bool loaded = false;
  for (int64_t b = begin; b < end; ++b) {
    const RowParams &row = arguments.rows[b];
    // The same for all threads, so barriers within the branch are met by all.
    const bool zero = row.map == nullptr || (row.range->flags & SCORECAM_RANGE_CONSTANT) != 0;
    if (!zero) {
      const float min = row.range->min, divisor = row.range->max - min + params.epsilon;
      const Normalise normalise(min, divisor);
      const MapSource map = {row.map, params.map_dtype, params.map_row_stride, params.map_column_stride};
      __syncthreads();  // the row before is written
      if (!loaded) load_image(params, tile, image);
      loaded = true;
      tile.expand(params.resize, map, params.normalise_before ? &normalise : nullptr);
      __syncthreads();
      for (int32_t i = threadIdx.x; i < pixels; i += blockDim.x) {
        const float value = tile.at(params.resize, i / tile.columns, i % tile.columns);
        mask[i] = params.normalise_before ? value : normalise(value);
      }
      __syncthreads();
    }
    typename Out::Element *const sample = static_cast<typename Out::Element *>(params.out) + b * params.sample_stride;
    const int64_t first_pixel = tile.first_row * params.resize.width + tile.first_column;
    const float *const used_mask = zero ? nullptr : mask;
    if (params.channels_last) {
      write_span<Out, Repeat>(sample + first_pixel * channels, image, used_mask, pixels * channels, channels);
    } else {
      for (int32_t c = 0; c < channels; ++c)
        write_span<Out, 1>(sample + c * params.resize.height * params.resize.width + first_pixel, image + c * pixels,
                           used_mask, pixels, 1);
    }
  }
}

}  // namespace cuda
}  // namespace scorecam
