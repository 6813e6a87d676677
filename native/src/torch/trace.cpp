// LibTorch's functions are C++, and are found by their mangled names, as in cuda_graph.cpp.
#include "torch/trace.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "common/failure.h"
#include "torch/stable_abi.h"

namespace scorecam {
namespace {

constexpr const char *kConstruct = "_ZN5torch3jit6tracer12TracingStateC1Ev";
constexpr const char *kDestroy = "_ZN5torch3jit6tracer12TracingStateD1Ev";
constexpr const char *kSetState = "_ZN5torch3jit6tracer15setTracingStateESt10shared_ptrINS1_12TracingStateEE";
constexpr const char *kGetState = "_ZN5torch3jit6tracer15getTracingStateEv";
constexpr const char *kSetValue = "_ZN5torch3jit6tracer13setValueTraceERKN3c106IValueEPNS0_5ValueE";
constexpr const char *kGetValue = "_ZN5torch3jit6tracer13getValueTraceERKN3c106IValueE";
constexpr const char *kObserve = "_ZN2at22addThreadLocalCallbackENS_22RecordFunctionCallbackE";
constexpr const char *kStopObserving = "_ZN2at14removeCallbackEm";
constexpr const char *kNameOf = "_ZNK2at14RecordFunction4nameEv";

// More than torch::jit::tracer::TracingState has, whose size is not told.
constexpr std::size_t kStateBytes = 4096;

// As std::shared_ptr<TracingState>: two pointers, whatever the first one points to.
using State = std::shared_ptr<void>;
using SetState = void (*)(State);
using Method = void (*)(void *state);

// Operators that tell of the numbers in a tensor by something else than a tensor, or by its shape. What a program calls
// next may depend on that, which no graph shows.
constexpr const char *kTelling[] = {
    "aten::_local_scalar_dense", "aten::equal",      "aten::nonzero",           "aten::masked_select", "aten::_unique",
    "aten::_unique2",            "aten::unique_dim", "aten::unique_consecutive", "aten::bincount",
    "aten::repeat_interleave",   "torchvision::nms"};

// The first such operator that this thread has called since its trace began.
thread_local const char *told_by = nullptr;

// at::ObserverContext, of which there is none.
struct Context {
  virtual ~Context() = default;
};

// As at::RecordFunctionCallback is, and some room after it.
struct Observer {
  std::unique_ptr<Context> (*start)(const void *function);
  void (*end)(const void *function, Context *context);
  double probability;
  bool of_operators, of_others[39];
};

// Of all threads: LibTorch may hand observers on to those that work for this one.
std::atomic<const char *(*)(const void *function)> name_of{nullptr};

std::unique_ptr<Context> note(const void *function) {
  if (told_by == nullptr) {
    const char *name = name_of.load()(function);
    for (const char *each : kTelling)
      if (std::strcmp(name, each) == 0) told_by = each;
  }
  return nullptr;
}

struct Trace {
  State state;
  uint64_t observer;
};

const State &current(const char *library) { return find_in_torch<const State &(*)()>(library, kGetState)(); }

void require_trace(const char *library) {
  if (current(library) == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "this thread has begun no trace");
}

State new_state(const char *library) {
  const auto construct = find_in_torch<Method>(library, kConstruct);
  const auto destroy = find_in_torch<Method>(library, kDestroy);
  std::unique_ptr<void, void (*)(void *)> memory(::operator new(kStateBytes), [](void *p) { ::operator delete(p); });
  construct(memory.get());
  return State(memory.release(), [destroy](void *constructed) {
    destroy(constructed);
    ::operator delete(constructed);
  });
}

}  // namespace

void *begin_trace(const char *library) {
  require_known_torch(library);
  const auto set_state = find_in_torch<SetState>(library, kSetState);
  const auto observe = find_in_torch<uint64_t (*)(Observer)>(library, kObserve);
  find_in_torch<void (*)(uint64_t)>(library, kStopObserving);
  name_of = find_in_torch<const char *(*)(const void *)>(library, kNameOf);
  if (current(library) != nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "this thread has begun a trace already");
  auto trace = std::make_unique<Trace>();
  trace->state = new_state(library);
  told_by = nullptr;
  trace->observer = observe({note, nullptr, 1, true, {}});
  set_state(trace->state);
  return trace.release();
}

void end_trace(const char *library, const void *trace) {
  if (trace == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "trace is null");
  find_in_torch<SetState>(library, kSetState)(nullptr);
  find_in_torch<void (*)(uint64_t)>(library, kStopObserving)(static_cast<const Trace *>(trace)->observer);
  if (told_by != nullptr)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "%s was called, and what came next may depend on its answer", told_by);
}

void free_trace(void *trace) { delete static_cast<Trace *>(trace); }

void set_traced(const char *library, const void *value, void *stands_for_it) {
  require_trace(library);
  find_in_torch<void (*)(const void *, void *)>(library, kSetValue)(value, stands_for_it);
}

void *get_traced(const char *library, const void *value) {
  require_trace(library);
  return find_in_torch<void *(*)(const void *)>(library, kGetValue)(value);
}

}  // namespace scorecam
