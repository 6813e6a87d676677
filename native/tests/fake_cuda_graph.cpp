// A LibTorch that has nothing but recordings, with the names and parameters that its own have.
#include "fake_cuda_graph.h"

#include <stdexcept>
#include <utility>

#define EXPORT __attribute__((visibility("default")))

namespace {

FakeCalls calls{};
bool refuses = false;

void refuse_if_told() {
  if (std::exchange(refuses, false)) throw std::runtime_error("operation not permitted when stream is capturing");
}

}  // namespace

EXPORT const FakeCalls &fake_calls() { return calls; }

EXPORT void fake_refuse_graph() { refuses = true; }

enum cudaStreamCaptureMode { kGlobal = 0, kThreadLocal = 1 };

namespace at::cuda {

struct EXPORT CUDAGraph {
  explicit CUDAGraph(bool keeps);
  ~CUDAGraph();
  void capture_begin(std::pair<unsigned long long, unsigned long long> pool, cudaStreamCaptureMode mode);
  void capture_end();
  void replay();

  bool recorded = false;
};

CUDAGraph::CUDAGraph(bool keeps) {
  if (keeps) throw std::invalid_argument("the recording is to be kept as it is");
  ++calls.living;
}

CUDAGraph::~CUDAGraph() { --calls.living; }

void CUDAGraph::capture_begin(std::pair<unsigned long long, unsigned long long> pool, cudaStreamCaptureMode mode) {
  if (pool.first != 7 || pool.second != 0) throw std::invalid_argument("another pool");
  refuse_if_told();
  calls.mode = mode;
  ++calls.begun;
}

void CUDAGraph::capture_end() {
  refuse_if_told();
  recorded = true;
  ++calls.ended;
}

void CUDAGraph::replay() {
  if (!recorded) throw std::logic_error("nothing was recorded");
  ++calls.replayed;
}

}  // namespace at::cuda
