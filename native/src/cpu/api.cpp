// The C functions on the CPU: check, choose the instruction set, run.
#include "common/exit.h"
#include "common/failure.h"
#include "common/request.h"
#include "cpu/isa.h"
#include "cpu/layer_request.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "scorecam.h"
#include "torch/cuda_graph.h"
#include "torch/dlpack.h"
#include "torch/operators.h"
#include "torch/tensor_memory.h"
#include "torch/trace.h"
#include "torch/vision_operators.h"

using namespace scorecam;

namespace {

// `kernels` are the member of Isa that the operation runs on.
template <class Request, class Kernels>
void run(const Request &request, const Kernels *Isa::*kernels, void (*operation)(const Request &, const Kernels &),
         void (*definition)(const Request &)) {
  if (const Kernels *chosen = active_isa().*kernels)
    operation(request, *chosen);
  else
    definition(request);
}

}  // namespace

scorecam_status scorecam_channel_range(const scorecam_tensor *activations, int64_t height, int64_t width,
                                       const scorecam_masking *masking, scorecam_range *ranges) {
  return guarded([&] {
    const RangeRequest request = check_channel_range(activations, height, width, masking, ranges);
    run(request, &Isa::row_kernels, channel_range, oracle::channel_range);
  });
}

scorecam_status scorecam_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                      const scorecam_masking *masking, const scorecam_tensor *out) {
  return guarded([&] {
    const MaskedBatchRequest request = check_masked_batch(source, row_channels, masking, out);
    if (request.rows > 0) run(request, &Isa::row_kernels, masked_batch, oracle::masked_batch);
  });
}

scorecam_status scorecam_stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2],
                                      const scorecam_window *window, int64_t classes[2]) {
  return guarded([&] {
    check_stem_classes(upsampling, map, image, window, classes);
    stem_classes(upsampling, map, image, *window, classes);
  });
}

scorecam_status scorecam_stem_batch(const scorecam_stem *stem, const int64_t *row_channels,
                                    const scorecam_masking *masking, const scorecam_tensor *out) {
  return guarded([&] {
    const StemRequest request = check_stem(stem, row_channels, masking, out);
    if (request.rows > 0) run(request, &Isa::stem_kernels, stem_batch, oracle::stem_batch);
  });
}

scorecam_status scorecam_winograd_weight_size(int64_t inputs, int64_t outputs, int64_t *floats) {
  return guarded([&] {
    if (floats == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "floats is null");
    *floats = check_winograd_weight_size(inputs, outputs);
  });
}

scorecam_status scorecam_winograd_pack(const scorecam_tensor *weight, float *packed) {
  return guarded([&] { winograd_pack(check_winograd_pack(weight, packed)); });
}

scorecam_status scorecam_winograd_convolution(const scorecam_convolution *convolution) {
  return guarded([&] {
    const ConvolutionRequest request = check_convolution(convolution);
    if (request.images > 0)
      run(request, &Isa::winograd_kernels, winograd_convolution, oracle::winograd_convolution);
  });
}

scorecam_status scorecam_inverted_residual_weight_size(int64_t inputs, int64_t hidden, int64_t squeezed,
                                                       int64_t outputs, int32_t side, int64_t *floats) {
  return guarded([&] {
    if (floats == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "floats is null");
    *floats = check_inverted_residual_weight_size(inputs, hidden, squeezed, outputs, side);
  });
}

scorecam_status scorecam_inverted_residual_pack(const scorecam_inverted_residual_weights *weights, float *packed) {
  return guarded([&] { inverted_residual_pack(check_inverted_residual_pack(weights, packed)); });
}

scorecam_status scorecam_inverted_residual_batch(const scorecam_inverted_residual *block) {
  return guarded([&] {
    const InvertedResidualRequest request = check_inverted_residual(block);
    if (request.images > 0)
      run(request, &Isa::pixel_kernels, inverted_residual_batch, oracle::inverted_residual_batch);
  });
}

scorecam_status scorecam_bounded_pointwise_weight_size(int64_t inputs, int64_t outputs, int64_t *floats) {
  return guarded([&] {
    if (floats == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "floats is null");
    *floats = check_bounded_pointwise_weight_size(inputs, outputs);
  });
}

scorecam_status scorecam_bounded_pointwise_pack(const scorecam_bounded_pointwise_weights *weights, float *packed) {
  return guarded([&] { bounded_pointwise_pack(check_bounded_pointwise_pack(weights, packed)); });
}

scorecam_status scorecam_bounded_pointwise_batch(const scorecam_bounded_pointwise *convolution) {
  return guarded([&] {
    const BoundedPointwiseRequest request = check_bounded_pointwise(convolution);
    if (request.pixels > 0)
      run(request, &Isa::pixel_kernels, bounded_pointwise_batch, oracle::bounded_pointwise_batch);
  });
}

scorecam_status scorecam_shuffle_channels(const scorecam_channel_shuffle *shuffle) {
  return guarded([&] { shuffle_channels(check_channel_shuffle(shuffle)); });
}

scorecam_status scorecam_max_pool_outputs(const scorecam_max_pool *pool, int64_t outputs[2]) {
  return guarded([&] { check_max_pool_outputs(pool, outputs); });
}

scorecam_status scorecam_max_pool_batch(const scorecam_max_pool *pool) {
  return guarded([&] {
    const MaxPoolRequest request = check_max_pool(pool);
    if (request.images > 0) run(request, &Isa::pixel_kernels, max_pool_batch, oracle::max_pool_batch);
  });
}

scorecam_status scorecam_register_operators(const char *libtorch_cpu) {
  return guarded([&] { register_operators(libtorch_cpu); });
}

scorecam_status scorecam_define_vision_operator(const char *libtorch_cpu, const char *name) {
  return guarded([&] { define_vision_operator(libtorch_cpu, name); });
}

scorecam_status scorecam_tensor_memory(const char *libtorch_cpu, void *theirs, void **ours) {
  return guarded([&] {
    if (ours == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "ours is null");
    if (theirs == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "theirs is null");
    *ours = tensor_memory(libtorch_cpu, theirs);
  });
}

scorecam_status scorecam_try_tensor_memory(const char *libtorch_cpu) {
  return guarded([&] { try_tensor_memory(libtorch_cpu); });
}

scorecam_status scorecam_use_huge_pages(void) {
  return guarded([&] { use_huge_pages(); });
}

void scorecam_dismiss_threads(void) { dismiss_threads(); }

scorecam_status scorecam_exit_at_once_while(const int64_t *working) {
  return guarded([&] { exit_at_once_while(working); });
}

void scorecam_release_tensor_memory(void) { release_tensor_memory(); }

int64_t scorecam_tensor_memory_peak(void) { return tensor_memory_peak(); }

void scorecam_forget_tensor_memory_peak(void) { forget_tensor_memory_peak(); }

scorecam_status scorecam_to_dlpack(const char *libtorch_cpu, const void *tensor, int32_t form, int32_t read_only,
                                   void **managed) {
  return guarded([&] {
    if (managed == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "managed is null");
    *managed = to_dlpack(libtorch_cpu, tensor, form, read_only);
  });
}

scorecam_status scorecam_from_dlpack(const char *libtorch_cpu, void *managed, int32_t form, int32_t read_only,
                                     int32_t cuda_devices, void *tensor) {
  return guarded([&] { from_dlpack(libtorch_cpu, managed, form, read_only, cuda_devices, tensor); });
}

scorecam_status scorecam_begin_cuda_graph(const char *libtorch_cuda, const uint64_t *pool, void **graph) {
  return guarded([&] {
    if (pool == nullptr || graph == nullptr) {
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is null", pool == nullptr ? "pool" : "graph");
    }
    *graph = begin_cuda_graph(libtorch_cuda, pool);
  });
}

scorecam_status scorecam_end_cuda_graph(const char *libtorch_cuda, void *graph) {
  return guarded([&] { end_cuda_graph(libtorch_cuda, graph); });
}

scorecam_status scorecam_replay_cuda_graph(const char *libtorch_cuda, void *graph) {
  return guarded([&] { replay_cuda_graph(libtorch_cuda, graph); });
}

scorecam_status scorecam_free_cuda_graph(const char *libtorch_cuda, void *graph) {
  return guarded([&] { free_cuda_graph(libtorch_cuda, graph); });
}

scorecam_status scorecam_begin_trace(const char *libtorch_cpu, void **trace) {
  return guarded([&] {
    if (trace == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "trace is null");
    *trace = begin_trace(libtorch_cpu);
  });
}

scorecam_status scorecam_set_traced(const char *libtorch_cpu, const void *value, void *stands_for_it) {
  return guarded([&] {
    if (value == nullptr || stands_for_it == nullptr) {
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is null", value == nullptr ? "value" : "stands_for_it");
    }
    set_traced(libtorch_cpu, value, stands_for_it);
  });
}

scorecam_status scorecam_get_traced(const char *libtorch_cpu, const void *value, void **stands_for_it) {
  return guarded([&] {
    if (value == nullptr || stands_for_it == nullptr) {
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is null", value == nullptr ? "value" : "stands_for_it");
    }
    *stands_for_it = get_traced(libtorch_cpu, value);
  });
}

scorecam_status scorecam_end_trace(const char *libtorch_cpu, const void *trace) {
  return guarded([&] { end_trace(libtorch_cpu, trace); });
}

void scorecam_free_trace(void *trace) { free_trace(trace); }

int32_t scorecam_abi_version(void) { return SCORECAM_ABI_VERSION; }

const char *scorecam_version(void) { return SCORECAM_VERSION; }

const char *scorecam_active_isa(void) {
  const char *name = nullptr;
  guarded([&] { name = active_isa().name; });
  return name;
}

scorecam_status scorecam_set_max_isa(const char *name) {
  return guarded([&] { set_max_isa(name); });
}

const char *scorecam_status_name(scorecam_status status) { return status_name(status); }

const char *scorecam_last_message(void) { return last_message(); }
