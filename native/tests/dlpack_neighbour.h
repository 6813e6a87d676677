/* Another library in C that makes and takes tensors by DLPack. */
#ifndef SCORECAM_TESTS_DLPACK_NEIGHBOUR_H
#define SCORECAM_TESTS_DLPACK_NEIGHBOUR_H

#include "torch/dlpack_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A matrix of floats, made to be transposed: element (i, j) is 10 i + j, and lies `byte_offset` behind `data`. */
DLManagedTensor *neighbour_plain(int64_t rows, int64_t columns);
DLManagedTensorVersioned *neighbour_versioned(int64_t rows, int64_t columns, uint64_t flags);

/* How many deleters of the above were called. */
int neighbour_deleted(void);

/* The sum of (1 + k) x element k in row-major order, of floats; then calls the deleter. */
double neighbour_takes_plain(DLManagedTensor *managed);
double neighbour_takes_versioned(DLManagedTensorVersioned *managed);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* SCORECAM_TESTS_DLPACK_NEIGHBOUR_H */
