// Traces with a LibTorch of the test's: each is begun, ended and freed once, and no exception gets out.
#include <initializer_list>
#include <thread>

#include "check.h"
#include "expect_status.h"
#include "fake_trace.h"
#include "scorecam.h"

namespace {

const char *const kLibrary = FAKE_TRACE;

void nothing_is_left() {
  CHECK(!fake_is_tracing(), "this thread is still traced");
  CHECK(fake_living_observers() == 0, "%d observers are left", fake_living_observers());
  CHECK(fake_living_states() == 0, "%d states are left", fake_living_states());
}

void values_are_known() {
  void *trace = nullptr, *found = nullptr;
  const int known = 1, unknown = 2;
  int stands_for_it = 3;
  EXPECT(OK, "", scorecam_begin_trace(kLibrary, &trace));
  CHECK(fake_is_tracing(), "this thread is not traced");
  EXPECT(OK, "", scorecam_set_traced(kLibrary, &known, &stands_for_it));
  EXPECT(OK, "", scorecam_get_traced(kLibrary, &known, &found));
  CHECK(found == &stands_for_it, "another value");
  EXPECT(OK, "", scorecam_get_traced(kLibrary, &unknown, &found));
  CHECK(found != nullptr && found != &stands_for_it, "no constant");
  fake_call_operator("aten::relu");
  fake_call_operator("somebody::equal");
  EXPECT(OK, "", scorecam_end_trace(kLibrary, trace));
  CHECK(!fake_is_tracing() && fake_living_observers() == 0, "the trace goes on");
  CHECK(fake_living_states() == 1, "the graph is gone");
  scorecam_free_trace(trace);
  nothing_is_left();
}

void decisions_are_told() {
  for (const char *name : {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero"}) {
    void *trace = nullptr;
    EXPECT(OK, "", scorecam_begin_trace(kLibrary, &trace));
    fake_call_operator(name);
    fake_call_operator("aten::masked_select");
    EXPECT(NOT_APPLICABLE, name, scorecam_end_trace(kLibrary, trace));
    scorecam_free_trace(trace);
    nothing_is_left();
  }
  // Each trace begins anew, and those of other threads are their own.
  values_are_known();
  std::thread(values_are_known).join();
}

void arguments_are_checked() {
  void *trace = nullptr, *found = nullptr, *second = nullptr;
  const int value = 1;
  EXPECT(INVALID_ARGUMENT, "trace is null", scorecam_begin_trace(kLibrary, nullptr));
  EXPECT(INVALID_ARGUMENT, "trace is null", scorecam_end_trace(kLibrary, nullptr));
  EXPECT(INVALID_ARGUMENT, "begun no trace", scorecam_get_traced(kLibrary, &value, &found));
  EXPECT(INVALID_ARGUMENT, "begun no trace", scorecam_set_traced(kLibrary, &value, &found));
  EXPECT(NOT_APPLICABLE, "is not loaded", scorecam_begin_trace("/nowhere/libtorch_cpu.so", &trace));
  CHECK(trace == nullptr, "a trace from nowhere");
  EXPECT(OK, "", scorecam_begin_trace(kLibrary, &trace));
  EXPECT(INVALID_ARGUMENT, "begun a trace already", scorecam_begin_trace(kLibrary, &second));
  CHECK(second == nullptr, "a trace within a trace");
  EXPECT(INVALID_ARGUMENT, "value is null", scorecam_get_traced(kLibrary, nullptr, &found));
  EXPECT(INVALID_ARGUMENT, "stands_for_it is null", scorecam_get_traced(kLibrary, &value, nullptr));
  EXPECT(INVALID_ARGUMENT, "value is null", scorecam_set_traced(kLibrary, nullptr, &found));
  EXPECT(INVALID_ARGUMENT, "stands_for_it is null", scorecam_set_traced(kLibrary, &value, nullptr));
  EXPECT(OK, "", scorecam_end_trace(kLibrary, trace));
  scorecam_free_trace(trace);
  scorecam_free_trace(nullptr);
  nothing_is_left();
}

}  // namespace

int main() {
  values_are_known();
  decisions_are_told();
  arguments_are_checked();
  return check::report();
}
