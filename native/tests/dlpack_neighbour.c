#include "dlpack_neighbour.h"

#include <stdlib.h>

enum { OFFSET = 3 };

typedef struct Memory {
  int64_t shape[2], strides[2];
  float values[];
} Memory;

static int deleted = 0;

int neighbour_deleted(void) { return deleted; }

static DLTensor make(int64_t rows, int64_t columns, void **context) {
  Memory *memory = malloc(sizeof(Memory) + sizeof(float) * (size_t)(OFFSET + rows * columns));
  DLTensor tensor = {0};
  if (memory == NULL) abort();
  memory->shape[0] = rows;
  memory->shape[1] = columns;
  memory->strides[0] = 1;
  memory->strides[1] = rows;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) memory->values[OFFSET + i + j * rows] = (float)(10 * i + j);
  tensor.data = memory->values;
  tensor.device.device_type = kDLCPU;
  tensor.ndim = 2;
  tensor.dtype.code = 2;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = memory->shape;
  tensor.strides = memory->strides;
  tensor.byte_offset = OFFSET * sizeof(float);
  *context = memory;
  return tensor;
}

static void delete_plain(DLManagedTensor *self) {
  ++deleted;
  free(self->manager_ctx);
  free(self);
}

static void delete_versioned(DLManagedTensorVersioned *self) {
  ++deleted;
  free(self->manager_ctx);
  free(self);
}

DLManagedTensor *neighbour_plain(int64_t rows, int64_t columns) {
  DLManagedTensor *managed = malloc(sizeof *managed);
  if (managed == NULL) abort();
  managed->dl_tensor = make(rows, columns, &managed->manager_ctx);
  managed->deleter = delete_plain;
  return managed;
}

DLManagedTensorVersioned *neighbour_versioned(int64_t rows, int64_t columns, uint64_t flags) {
  DLManagedTensorVersioned *managed = malloc(sizeof *managed);
  if (managed == NULL) abort();
  managed->version.major = SCORECAM_DLPACK_MAJOR;
  managed->version.minor = 1;
  managed->dl_tensor = make(rows, columns, &managed->manager_ctx);
  managed->deleter = delete_versioned;
  managed->flags = flags;
  return managed;
}

static double sum(const DLTensor *tensor) {
  const float *values = (const float *)((const char *)tensor->data + tensor->byte_offset);
  double total = 0;
  for (int64_t i = 0; i < tensor->shape[0]; ++i)
    for (int64_t j = 0; j < tensor->shape[1]; ++j)
      total += (double)(1 + i * tensor->shape[1] + j) * values[i * tensor->strides[0] + j * tensor->strides[1]];
  return total;
}

double neighbour_takes_plain(DLManagedTensor *managed) {
  const double total = sum(&managed->dl_tensor);
  managed->deleter(managed);
  return total;
}

double neighbour_takes_versioned(DLManagedTensorVersioned *managed) {
  const double total = sum(&managed->dl_tensor);
  managed->deleter(managed);
  return total;
}
