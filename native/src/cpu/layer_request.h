// The arguments of the C functions that compute a network's layers, checked: as in common/request.h.
#pragma once

#include <cstdint>

#include "scorecam.h"

namespace scorecam {

struct WinogradPackRequest {
  scorecam_tensor weight;  // [O, I, 3, 3]
  float *packed;
};

struct ConvolutionRequest {
  int64_t images, height, width;  // N, H, W
  int64_t inputs, outputs;        // I, O
  int64_t padding;
  int64_t out_height, out_width;
  bool relu;
  const float *input;     // [N, H, W, I]
  const float *weight;    // packed
  const float *bias;      // [O] or null
  const float *residual;  // as output, or null
  float *output;          // [N, out_height, out_width, O]
};

struct InvertedResidualPackRequest {
  scorecam_inverted_residual_weights weights;
  int64_t inputs, hidden, squeezed, outputs, side;  // each but hidden and side may be 0: without its weight
  float *packed;
};

struct InvertedResidualRequest {
  int64_t images, height, width;    // N, H, W
  int64_t inputs, hidden, outputs;  // I, E, O
  int64_t squeezed;                 // Q, or 0
  int64_t side, stride;
  int64_t out_height, out_width;
  int32_t activation, squeeze_activation, gate;
  bool expands, adds_input;
  const float *input;   // [N, H, W, I]
  const float *weight;  // packed
  float *output;        // [N, out_height, out_width, O], or E without a projection
};

struct BoundedPointwisePackRequest {
  scorecam_tensor weight;     // [O, I, 1, 1]
  const float *bias;          // [O] or null
  const float *least, *most;  // [I]
  float *packed;
};

struct BoundedPointwiseRequest {
  int64_t images, pixels, tensors;  // pixels of all images together
  const int64_t *channels;          // [T]
  const float *const *input;        // [T], each [pixels, channels]
  int64_t inputs, outputs;          // I: the channels of all tensors; O
  int32_t activation;
  const float *weight;  // packed
  float *output;        // [pixels, O]
};

struct ChannelShuffleRequest {
  int64_t pixels, tensors;
  const int64_t *channels;    // [T]
  const float *const *input;  // [T], each [pixels, channels]
  int64_t all_channels;       // C
  int64_t groups, parts;
  float *const *output;  // [parts], each [pixels, C / parts]
};

struct MaxPoolRequest {
  int64_t images, height, width, channels;
  scorecam_window window;
  int64_t out_height, out_width;
  const float *input;  // [N, H, W, C]
  float *output;       // [N, out_height, out_width, C]
};

struct StemRequest {
  scorecam_stem stem;
  const int64_t *row_channels;  // [B]
  scorecam_masking masking;
  int64_t rows;                   // B
  int64_t out_height, out_width;  // Ho, Wo
  float *out;                     // [B, Ho, Wo, O]
};

// Each throws Failure. The elements that pointers lead to are not looked at.
void check_stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2],
                        const scorecam_window *window, const int64_t *classes);
StemRequest check_stem(const scorecam_stem *stem, const int64_t *row_channels, const scorecam_masking *masking,
                       const scorecam_tensor *out);

int64_t check_winograd_weight_size(int64_t inputs, int64_t outputs);  // how many floats
WinogradPackRequest check_winograd_pack(const scorecam_tensor *weight, float *packed);
ConvolutionRequest check_convolution(const scorecam_convolution *convolution);

int64_t check_inverted_residual_weight_size(int64_t inputs, int64_t hidden, int64_t squeezed, int64_t outputs,
                                            int64_t side);
InvertedResidualPackRequest check_inverted_residual_pack(const scorecam_inverted_residual_weights *weights,
                                                         float *packed);
InvertedResidualRequest check_inverted_residual(const scorecam_inverted_residual *block);

int64_t check_bounded_pointwise_weight_size(int64_t inputs, int64_t outputs);
BoundedPointwisePackRequest check_bounded_pointwise_pack(const scorecam_bounded_pointwise_weights *weights,
                                                         float *packed);
BoundedPointwiseRequest check_bounded_pointwise(const scorecam_bounded_pointwise *convolution);

ChannelShuffleRequest check_channel_shuffle(const scorecam_channel_shuffle *shuffle);

void check_max_pool_outputs(const scorecam_max_pool *pool, int64_t *outputs);
MaxPoolRequest check_max_pool(const scorecam_max_pool *pool);

}  // namespace scorecam
