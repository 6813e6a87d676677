#include "common/request.h"

#include <cinttypes>

#include "common/checks.h"

namespace scorecam {

RangeRequest check_channel_range(const scorecam_tensor *activations, int64_t height, int64_t width,
                                 const scorecam_masking *masking, scorecam_range *ranges) {
  check_activations(activations, "activations");
  check_masking(masking);
  check_image_size(height, width);
  if (activations->sizes[0] > 0) check_not_null(ranges, "ranges");
  return {*activations, height, width, *masking, ranges};
}

MaskedBatchRequest check_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                      const scorecam_masking *masking, const scorecam_tensor *out) {
  check_tensor(out, "out", 4);
  check_masking(masking);
  MaskedBatchRequest request{};
  request.masking = *masking;
  request.rows = out->sizes[0];
  if (request.rows == 0) return request;
  request.channels = out->sizes[1];
  request.height = out->sizes[2];
  request.width = out->sizes[3];
  if (request.channels < 1 || request.height < 1 || request.width < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "out of shape %s has empty samples", shape(*out).c_str());

  const int64_t c = request.channels, h = request.height, w = request.width;
  int64_t sample;
  if (__builtin_mul_overflow(c, h, &sample) || __builtin_mul_overflow(sample, w, &sample) || sample > INT64_MAX / 16)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "out of shape %s exceeds the address space", shape(*out).c_str());
  const bool contiguous = stride_is(*out, 1, h * w) && stride_is(*out, 2, w) && stride_is(*out, 3, 1);
  const bool channels_last = stride_is(*out, 1, 1) && stride_is(*out, 2, w * c) && stride_is(*out, 3, c);
  if (!contiguous && !channels_last)
    fail(SCORECAM_STATUS_UNSUPPORTED, "out of shape %s has strides [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
         "]; its samples must be contiguous or channels-last", shape(*out).c_str(), out->strides[0], out->strides[1],
         out->strides[2], out->strides[3]);
  if (request.rows > 1 && out->strides[0] < sample)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "out of shape %s has overlapping samples: stride %" PRId64,
         shape(*out).c_str(), out->strides[0]);
  request.channels_last = !contiguous;
  request.out = static_cast<char *>(out->data);
  request.out_dtype = out->dtype;
  request.sample_stride = out->strides[0];

  check_not_null(source, "source");
  const scorecam_tensor &activations = source->activations, &image = source->image;
  check_activations(&activations, "source.activations");
  check_tensor(&image, "source.image", 3);
  if (image.sizes[0] != c || image.sizes[1] != h || image.sizes[2] != w)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "source.image of shape %s does not fit out of shape %s",
         shape(image).c_str(), shape(*out).c_str());
  if (activations.sizes[0] > 0) check_not_null(source->ranges, "source.ranges");
  check_row_channels(row_channels, request.rows, activations.sizes[0]);
  request.source = *source;
  request.row_channels = row_channels;
  request.map_height = activations.sizes[1];
  request.map_width = activations.sizes[2];
  return request;
}

}  // namespace scorecam
