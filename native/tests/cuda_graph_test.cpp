// Recordings with a LibTorch of the test's: each is made, ended, replayed and freed once, and no exception gets out.
#include "check.h"
#include "expect_status.h"
#include "fake_cuda_graph.h"
#include "scorecam.h"

namespace {

const char *const kLibrary = FAKE_CUDA_GRAPH;
const uint64_t kPool[] = {7, 0};

void is_replayed() {
  void *graph = nullptr;
  EXPECT(OK, "", scorecam_begin_cuda_graph(kLibrary, kPool, &graph));
  EXPECT(INTERNAL, "nothing was recorded", scorecam_replay_cuda_graph(kLibrary, graph));
  EXPECT(OK, "", scorecam_end_cuda_graph(kLibrary, graph));
  for (int i = 0; i < 3; ++i) EXPECT(OK, "", scorecam_replay_cuda_graph(kLibrary, graph));
  EXPECT(OK, "", scorecam_free_cuda_graph(kLibrary, graph));
  CHECK(fake_calls().begun == 1 && fake_calls().ended == 1 && fake_calls().replayed == 3, "other calls");
  CHECK(fake_calls().mode == 1, "mode %d is not that of one thread", fake_calls().mode);
  CHECK(fake_calls().living == 0, "%d recordings are left", fake_calls().living);
}

void refusals_are_told() {
  void *graph = nullptr;
  fake_refuse_graph();
  EXPECT(INTERNAL, "not permitted", scorecam_begin_cuda_graph(kLibrary, kPool, &graph));
  CHECK(graph == nullptr && fake_calls().living == 0, "a recording that never began is left");
  EXPECT(OK, "", scorecam_begin_cuda_graph(kLibrary, kPool, &graph));
  fake_refuse_graph();
  EXPECT(INTERNAL, "not permitted", scorecam_end_cuda_graph(kLibrary, graph));
  EXPECT(OK, "", scorecam_free_cuda_graph(kLibrary, graph));
  CHECK(fake_calls().living == 0, "a recording that failed is left");
}

void arguments_are_checked() {
  void *graph = nullptr;
  EXPECT(INVALID_ARGUMENT, "pool is null", scorecam_begin_cuda_graph(kLibrary, nullptr, &graph));
  EXPECT(INVALID_ARGUMENT, "graph is null", scorecam_begin_cuda_graph(kLibrary, kPool, nullptr));
  EXPECT(INVALID_ARGUMENT, "graph is null", scorecam_end_cuda_graph(kLibrary, nullptr));
  EXPECT(INVALID_ARGUMENT, "graph is null", scorecam_replay_cuda_graph(kLibrary, nullptr));
  EXPECT(OK, "", scorecam_free_cuda_graph(kLibrary, nullptr));
  EXPECT(NOT_APPLICABLE, "is not loaded", scorecam_begin_cuda_graph("/nowhere/libtorch_cuda.so", kPool, &graph));
  CHECK(graph == nullptr, "a recording from nowhere");
}

}  // namespace

int main() {
  is_replayed();
  refusals_are_told();
  arguments_are_checked();
  return check::report();
}
