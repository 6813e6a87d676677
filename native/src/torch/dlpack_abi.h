/*
 * DLPack's structures (https://dmlc.github.io/dlpack/latest/c_api.html), as far as we use them, declared from its
 * documentation. For C, too.
 */
#ifndef SCORECAM_TORCH_DLPACK_ABI_H
#define SCORECAM_TORCH_DLPACK_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Structures of another major version have another layout. */
#define SCORECAM_DLPACK_MAJOR 1

enum { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 };

#define DLPACK_FLAG_BITMASK_READ_ONLY 1u

typedef struct DLDevice {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

typedef struct DLTensor {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; null if the elements lie in row-major order without gaps */
  uint64_t byte_offset;
} DLTensor;

typedef struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self); /* may be null */
} DLManagedTensor;

typedef struct DLPackVersion {
  uint32_t major;
  uint32_t minor;
} DLPackVersion;

typedef struct DLManagedTensorVersioned {
  DLPackVersion version;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned *self); /* may be null */
  uint64_t flags;
  DLTensor dl_tensor;
} DLManagedTensorVersioned;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* SCORECAM_TORCH_DLPACK_ABI_H */
