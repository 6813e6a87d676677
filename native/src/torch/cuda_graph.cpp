// LibTorch's functions are C++, and are found by their mangled names: a LibTorch in which their parameters changed has
// none of these names.
#include "torch/cuda_graph.h"

#include <memory>
#include <new>
#include <utility>

#include "common/failure.h"
#include "torch/stable_abi.h"

namespace scorecam {
namespace {

// More than at::cuda::CUDAGraph has, whose size is not told.
constexpr std::size_t kObjectBytes = 4096;

// As at::cuda::CUDAGraph::capture_begin takes it.
using MemoryPool = std::pair<unsigned long long, unsigned long long>;

// Calls of other threads that a recording could not bear do not end it: cudaStreamCaptureModeThreadLocal.
constexpr int kOfThisThread = 1;

constexpr const char *kConstruct = "_ZN2at4cuda9CUDAGraphC1Eb";
constexpr const char *kDestroy = "_ZN2at4cuda9CUDAGraphD1Ev";
constexpr const char *kBegin = "_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode";
constexpr const char *kEnd = "_ZN2at4cuda9CUDAGraph11capture_endEv";
constexpr const char *kReplay = "_ZN2at4cuda9CUDAGraph6replayEv";

using Method = void (*)(void *graph);

void check_graph(const void *graph) {
  if (graph == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "graph is null");
}

void release(void *memory) { ::operator delete(memory, std::align_val_t{64}); }

}  // namespace

void *begin_cuda_graph(const char *library, const uint64_t *pool) {
  const auto construct = find_in_torch<void (*)(void *, bool)>(library, kConstruct);
  const auto destroy = find_in_torch<Method>(library, kDestroy);
  const auto begin = find_in_torch<void (*)(void *, MemoryPool, int)>(library, kBegin);
  std::unique_ptr<void, void (*)(void *)> memory(::operator new(kObjectBytes, std::align_val_t{64}), release);
  construct(memory.get(), false);
  try {
    begin(memory.get(), {pool[0], pool[1]}, kOfThisThread);
  } catch (...) {
    destroy(memory.get());
    throw;
  }
  return memory.release();
}

void end_cuda_graph(const char *library, void *graph) {
  check_graph(graph);
  find_in_torch<Method>(library, kEnd)(graph);
}

void replay_cuda_graph(const char *library, void *graph) {
  check_graph(graph);
  find_in_torch<Method>(library, kReplay)(graph);
}

void free_cuda_graph(const char *library, void *graph) {
  if (graph == nullptr) return;
  find_in_torch<Method>(library, kDestroy)(graph);
  release(graph);
}

}  // namespace scorecam
