// A recording of work on a CUDA device, by LibTorch's class for it, with which its allocator and its random numbers take
// part in the recording.
#pragma once

#include <cstdint>

namespace scorecam {

// Begins to record what this thread queues on its current stream, which is not the default one, with memory of a pool.
void *begin_cuda_graph(const char *library, const uint64_t *pool);

void end_cuda_graph(const char *library, void *graph);

void replay_cuda_graph(const char *library, void *graph);

void free_cuda_graph(const char *library, void *graph);

}  // namespace scorecam
