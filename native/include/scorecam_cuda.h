/*
 * scorecam_cuda.h: the operations of scorecam.h on a CUDA device, in a library of its own.
 *
 * Same arguments, same results, and besides:
 *   - Data of tensors and `ranges` are device memory, all of one device; descriptors, the source and row_channels are
 *     host memory and may be reused as soon as the call returns.
 *   - Work is queued on `stream`, a cudaStream_t (or CUstream) of that device, null for its default stream. No
 *     function waits for the device; errors of the work itself show at a later call on the stream.
 *   - The device need not be the current one, and the current one is left as it was, unless it had no context yet: one
 *     is not made only to return to it.
 *
 * The CUDA runtime is linked in. Without a driver or device every operation returns SCORECAM_STATUS_NO_DEVICE.
 *
 * Not yet run on a device: the kernels are tested on the host alone.
 */
#ifndef SCORECAM_CUDA_H
#define SCORECAM_CUDA_H

#include "scorecam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* See scorecam_channel_range. One launch. */
SCORECAM_API scorecam_status scorecam_cuda_channel_range(const scorecam_tensor *activations, int64_t height,
                                                         int64_t width, const scorecam_masking *masking,
                                                         scorecam_range *ranges, void *stream);

/* See scorecam_masked_batch. One launch for up to 1920 rows, and another for as many more. */
SCORECAM_API scorecam_status scorecam_cuda_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                                        const scorecam_masking *masking, const scorecam_tensor *out,
                                                        void *stream);

/* How many devices there are, or why none can be used. */
SCORECAM_API scorecam_status scorecam_cuda_device_count(int32_t *count);

/* SCORECAM_ABI_VERSION of this library. */
SCORECAM_API int32_t scorecam_cuda_abi_version(void);

/* As scorecam_last_message, for the functions of this header. */
SCORECAM_API const char *scorecam_cuda_last_message(void);

#ifdef __cplusplus
}
#endif

#endif
