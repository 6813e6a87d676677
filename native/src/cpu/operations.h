// The operations on the CPU, on checked requests; each in a file of its own.
#pragma once

#include "common/request.h"
#include "cpu/layer_request.h"
#include "cpu/pixel_kernels.h"
#include "cpu/row_kernels.h"
#include "cpu/stem_kernels.h"
#include "cpu/winograd_kernels.h"

namespace scorecam {

void channel_range(const RangeRequest &request, const RowKernels &kernels);
void masked_batch(const MaskedBatchRequest &request, const RowKernels &kernels);
void stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2], const scorecam_window &window,
                  int64_t classes[2]);
void stem_batch(const StemRequest &request, const StemKernels &kernels);
void winograd_pack(const WinogradPackRequest &request);
void winograd_convolution(const ConvolutionRequest &request, const WinogradKernels &kernels);
void bounded_pointwise_pack(const BoundedPointwisePackRequest &request);
void bounded_pointwise_batch(const BoundedPointwiseRequest &request, const PixelKernels &kernels);
void inverted_residual_pack(const InvertedResidualPackRequest &request);
void inverted_residual_batch(const InvertedResidualRequest &request, const PixelKernels &kernels);
void shuffle_channels(const ChannelShuffleRequest &request);
void max_pool_batch(const MaxPoolRequest &request, const PixelKernels &kernels);

// The plain definitions: one pixel at a time, nothing shared between pixels, no threads.
namespace oracle {
void channel_range(const RangeRequest &request);
void masked_batch(const MaskedBatchRequest &request);
void stem_batch(const StemRequest &request);
void winograd_convolution(const ConvolutionRequest &request);
void bounded_pointwise_batch(const BoundedPointwiseRequest &request);
void inverted_residual_batch(const InvertedResidualRequest &request);
void max_pool_batch(const MaxPoolRequest &request);
}  // namespace oracle

}  // namespace scorecam
