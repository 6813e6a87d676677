// A LibTorch that has nothing but a tracer and observers, with the names and parameters that its own have.
#include "fake_trace.h"

#include <array>
#include <map>
#include <memory>
#include <stdexcept>

#define EXPORT __attribute__((visibility("default")))

namespace {

int states = 0;

}  // namespace

namespace c10 {

struct IValue {
  int number;
};

}  // namespace c10

namespace at {

struct EXPORT ObserverContext {
  virtual ~ObserverContext() = default;
};

class EXPORT RecordFunction {
 public:
  explicit RecordFunction(const char *name) : name_(name) {}
  const char *name() const;

 private:
  const char *name_;
};

const char *RecordFunction::name() const { return name_; }

struct RecordFunctionCallback {
  std::unique_ptr<ObserverContext> (*start)(const RecordFunction &function);
  void (*end)(const RecordFunction &function, ObserverContext *context);
  double probability;
  std::array<bool, 10> scopes;
  bool needs_inputs, needs_outputs, needs_ids;
};

namespace {

thread_local std::map<uint64_t, RecordFunctionCallback> observers;

}  // namespace

EXPORT uint64_t addThreadLocalCallback(RecordFunctionCallback callback) {
  static uint64_t made = 0;
  if (callback.probability != 1 || callback.needs_inputs || callback.needs_outputs || callback.needs_ids)
    throw std::invalid_argument("another callback");
  for (std::size_t scope = 0; scope < callback.scopes.size(); ++scope)
    if (callback.scopes[scope] != (scope == 0)) throw std::invalid_argument("other functions than operators");
  observers[++made] = callback;
  return made;
}

EXPORT void removeCallback(uint64_t handle) { observers.erase(handle); }

}  // namespace at

namespace torch::jit {

struct Value {
  int number;
};

namespace tracer {

struct EXPORT TracingState : std::enable_shared_from_this<TracingState> {
  TracingState();
  ~TracingState();

  std::map<const c10::IValue *, Value *> values;
  Value constant{-1};
};

TracingState::TracingState() { ++states; }

TracingState::~TracingState() { --states; }

namespace {

thread_local std::shared_ptr<TracingState> current;

}  // namespace

EXPORT void setTracingState(std::shared_ptr<TracingState> state) { current = std::move(state); }

EXPORT const std::shared_ptr<TracingState> &getTracingState() { return current; }

EXPORT void setValueTrace(const c10::IValue &value, Value *stands_for_it) { current->values[&value] = stands_for_it; }

EXPORT Value *getValueTrace(const c10::IValue &value) {
  const auto found = current->values.find(&value);
  return found == current->values.end() ? &current->constant : found->second;
}

}  // namespace tracer
}  // namespace torch::jit

extern "C" EXPORT uint64_t aoti_torch_abi_version() { return uint64_t{2} << 56 | uint64_t{10} << 48; }

EXPORT void fake_call_operator(const char *name) {
  const at::RecordFunction function(name);
  for (const auto &[handle, callback] : at::observers) {
    const auto context = callback.start(function);
    if (callback.end != nullptr) callback.end(function, context.get());
  }
}

EXPORT int fake_living_states() { return states; }

EXPORT int fake_living_observers() { return static_cast<int>(at::observers.size()); }

EXPORT bool fake_is_tracing() { return torch::jit::tracer::getTracingState() != nullptr; }
