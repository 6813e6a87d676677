#include "common/checks.h"

#include <cinttypes>

namespace scorecam {
namespace {

void check_epsilon(float epsilon) {
  // Written so that NaN is refused.
  if (!(epsilon >= 0)) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "epsilon is %g, not >= 0", static_cast<double>(epsilon));
}

}  // namespace

std::string shape(const scorecam_tensor &tensor) {
  std::string text = "[";
  for (int32_t i = 0; i < tensor.rank; ++i) text += (i ? ", " : "") + std::to_string(tensor.sizes[i]);
  return text + "]";
}

void check_tensor(const scorecam_tensor *tensor, const char *name, int32_t rank) {
  check_not_null(tensor, name);
  if (tensor->rank != rank)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s has rank %" PRId32 ", not %" PRId32, name, tensor->rank, rank);
  if (!(tensor->dtype >= SCORECAM_DTYPE_FLOAT32 && tensor->dtype <= SCORECAM_DTYPE_FLOAT16))
    fail(SCORECAM_STATUS_UNSUPPORTED, "%s has dtype %" PRId32 ", none of SCORECAM_DTYPE_*", name, tensor->dtype);
  bool empty = false;
  int64_t reach = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (tensor->sizes[i] < 0) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s has shape %s", name, shape(*tensor).c_str());
    empty |= tensor->sizes[i] == 0;
  }
  if (empty) return;
  for (int32_t i = 0; i < rank; ++i) {
    int64_t span, magnitude = tensor->strides[i] < 0 ? -(tensor->strides[i] + 1) : tensor->strides[i];
    if (__builtin_mul_overflow(tensor->sizes[i] - 1, magnitude, &span) || __builtin_add_overflow(reach, span, &reach) ||
        reach > INT64_MAX / 16)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s of shape %s and stride %" PRId64 " in dimension %" PRId32
           " exceeds the address space", name, shape(*tensor).c_str(), tensor->strides[i], i);
  }
  if (tensor->data == nullptr)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s of shape %s has no data", name, shape(*tensor).c_str());
}

void check_activations(const scorecam_tensor *activations, const char *name) {
  check_tensor(activations, name, 3);
  if (activations->sizes[1] < 1 || activations->sizes[2] < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s of shape %s has no values", name, shape(*activations).c_str());
  if (activations->sizes[1] > INT32_MAX || activations->sizes[2] > INT32_MAX)
    fail(SCORECAM_STATUS_UNSUPPORTED, "%s of shape %s has more than 2^31 - 1 rows or columns", name,
         shape(*activations).c_str());
}

void check_upsampling(int32_t upsampling) {
  if (!(upsampling >= SCORECAM_UPSAMPLING_NEAREST && upsampling <= SCORECAM_UPSAMPLING_BICUBIC))
    fail(SCORECAM_STATUS_UNSUPPORTED, "upsampling is %" PRId32 ", none of SCORECAM_UPSAMPLING_*", upsampling);
}

void check_masking(const scorecam_masking *masking) {
  check_not_null(masking, "masking");
  check_upsampling(masking->upsampling);
  if (masking->normalisation != SCORECAM_NORMALISE_AFTER && masking->normalisation != SCORECAM_NORMALISE_BEFORE)
    fail(SCORECAM_STATUS_UNSUPPORTED, "normalisation is %" PRId32 ", none of SCORECAM_NORMALISE_*",
         masking->normalisation);
  check_epsilon(masking->epsilon);
  if (masking->reserved != 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "masking.reserved is %" PRId32 ", not 0", masking->reserved);
}

void check_image_size(int64_t height, int64_t width) {
  int64_t pixels;
  if (height < 1 || width < 1 || __builtin_mul_overflow(height, width, &pixels))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the image is %" PRId64 " x %" PRId64, height, width);
}

void check_row_channels(const int64_t *row_channels, int64_t rows, int64_t channels) {
  check_not_null(row_channels, "row_channels");
  for (int64_t b = 0; b < rows; ++b) {
    const int64_t k = row_channels[b];
    if (k != SCORECAM_CHANNEL_NONE && !(k >= 0 && k < channels))
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "row_channels[%" PRId64 "] is %" PRId64 " of %" PRId64 " channels", b, k,
           channels);
  }
}

}  // namespace scorecam
