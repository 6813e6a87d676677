// Our convolutions as operators of LibTorch's dispatcher, so that a TorchScript graph can call them.
#include "torch/operators.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "torch/operator_body.h"

namespace scorecam {
namespace {

constexpr const char *kNamespace = "scorecam";
constexpr int64_t kRank = 4;

struct Shape {
  int64_t sizes[kRank];

  // Of dense channels-last tensors [N, C, H, W].
  void strides(int64_t *out) const {
    out[1] = 1;
    out[3] = sizes[1];
    out[2] = out[3] * sizes[3];
    out[0] = out[2] * sizes[2];
  }
};

// The number of dimensions of a float32 tensor; fails if it has another type.
int64_t rank_of(const Handle &tensor, const char *name) {
  require(tensor.dtype() == torch.aoti_torch_dtype_float32(), std::string(name) + " is not float32");
  return tensor.rank();
}

// A new tensor in dense channels-last memory.
TorchTensor *allocate(const Shape &shape, const char *name) {
  int64_t strides[kRank];
  shape.strides(strides);
  TorchTensor *made = nullptr;
  // Its reason stays with LibTorch, but a shape that was checked fails for want of memory alone.
  if (torch.aoti_torch_empty_strided(kRank, shape.sizes, strides, torch.aoti_torch_dtype_float32(),
                                     torch.aoti_torch_device_type_cpu(), 0, &made) != 0)
    fail(SCORECAM_STATUS_OUT_OF_MEMORY, "out of memory: %s of shape %s", name, list(shape.sizes, kRank).c_str());
  return made;
}

// A float32 tensor [N, C, H, W] as the kernels read it: itself where it is dense and channels-last, else a copy.
// Whether a slice is dense depends on its size, so networks may hand over what is not at any time.
class Image {
 public:
  Image(const Handle &tensor, const char *name) {
    const int64_t rank = rank_of(tensor, name);
    const int64_t *sizes = tensor.sizes(), *strides = tensor.strides();
    require(rank == kRank, std::string(name) + " has " + std::to_string(rank) + " dimensions, not 4");
    for (int i = 0; i < kRank; ++i) shape_.sizes[i] = sizes[i];
    int64_t dense[kRank];
    shape_.strides(dense);
    bool is_dense = true;
    for (int i = 0; i < kRank; ++i) is_dense = is_dense && (sizes[i] == 1 || strides[i] == dense[i]);
    if (!is_dense) {
      copy_.reset(allocate(shape_, (std::string("a copy of ") + name).c_str()));
      CALL(aoti_torch_copy_, copy_.get(), tensor.get(), 0);
    }
    floats_ = (is_dense ? tensor : copy_).data<float>();
  }

  const Shape &shape() const { return shape_; }
  const float *floats() const { return floats_; }

 private:
  Shape shape_;
  Handle copy_;
  const float *floats_;
};

// The length of a dense float32 vector; fails if it is something else.
int64_t length_of(const Handle &tensor, const char *name) {
  const int64_t rank = rank_of(tensor, name);
  const int64_t *sizes = tensor.sizes(), *strides = tensor.strides();
  require(rank == 1, std::string(name) + " has " + std::to_string(rank) + " dimensions, not 1");
  require(sizes[0] == 1 || strides[0] == 1, std::string(name) + " is not dense");
  return sizes[0];
}

// Fails as a function of ours did.
void require_success(scorecam_status status) {
  if (status != SCORECAM_STATUS_OK) fail(status, "%s", scorecam_last_message());
}

void require_floats(const Handle &weight, int64_t expected, const std::string &packed_for) {
  const int64_t floats = length_of(weight, "the weight");
  require(floats == expected, "the weight of " + std::to_string(floats) + " floats is not packed for " + packed_for);
}

// An integer of the C interface's; what does not fit into one becomes a number that is refused.
int32_t narrowed(StableValue value) {
  const int64_t whole = static_cast<int64_t>(value);
  return whole >= INT32_MIN && whole <= INT32_MAX ? static_cast<int32_t>(whole) : -1;
}

StableValue convolve(const Handle &input, const Handle *residual, const Handle &weight, const Handle &bias,
                     int64_t padding, bool relu) {
  const Image image(input, "the input");
  const Shape &in = image.shape();
  require(padding >= 0 && padding <= 2, "padding is " + std::to_string(padding) + ", not within 0 and 2");
  const Shape out = {
      {in.sizes[0], length_of(bias, "the bias"), in.sizes[2] + 2 * padding - 2, in.sizes[3] + 2 * padding - 2}};
  require(out.sizes[2] > 0 && out.sizes[3] > 0, "an input of shape " + list(in.sizes, kRank) + " is too small");
  int64_t floats = 0;
  require_success(scorecam_winograd_weight_size(in.sizes[1], out.sizes[1], &floats));
  require_floats(weight, floats,
                 std::to_string(in.sizes[1]) + " inputs and " + std::to_string(out.sizes[1]) + " outputs");
  std::optional<Image> added;
  if (residual != nullptr) {
    added.emplace(*residual, "the residual");
    for (int i = 0; i < kRank; ++i)
      require(added->shape().sizes[i] == out.sizes[i], "the residual of shape " + list(added->shape().sizes, kRank) +
                                                           " does not fit the output's " + list(out.sizes, kRank));
  }
  Handle output(allocate(out, "an output"));
  scorecam_convolution convolution = {};
  convolution.images = in.sizes[0];
  convolution.height = in.sizes[2];
  convolution.width = in.sizes[3];
  convolution.inputs = in.sizes[1];
  convolution.outputs = out.sizes[1];
  convolution.padding = static_cast<int32_t>(padding);
  convolution.relu = relu;
  convolution.input = image.floats();
  convolution.weight = weight.data<float>();
  convolution.bias = bias.data<float>();
  convolution.residual = added ? added->floats() : nullptr;
  convolution.output = output.data<float>();
  require_success(scorecam_winograd_convolution(&convolution));
  return output.release();
}

// (Tensor input, Tensor weight, Tensor bias, int padding, bool relu)
void winograd(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::winograd", [&] {
    const Handle input(stack[0]), weight(stack[1]), bias(stack[2]);
    stack[0] = convolve(input, nullptr, weight, bias, static_cast<int64_t>(stack[3]), truth(stack[4]));
  });
}

// (Tensor input, Tensor residual, Tensor weight, Tensor bias, int padding, bool relu)
void winograd_add(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::winograd_add", [&] {
    const Handle input(stack[0]), residual(stack[1]), weight(stack[2]), bias(stack[3]);
    stack[0] = convolve(input, &residual, weight, bias, static_cast<int64_t>(stack[4]), truth(stack[5]));
  });
}

// (Tensor input, Tensor weight, int hidden, int squeezed, int outputs, int side, int stride, int activation,
//  int squeeze_activation, int gate, bool expands, bool adds_input)
void inverted_residual(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::inverted_residual", [&] {
    const Handle input(stack[0]), weight(stack[1]);
    const Image image(input, "the input");
    const Shape &in = image.shape();
    scorecam_inverted_residual block = {};
    block.images = in.sizes[0];
    block.inputs = in.sizes[1];
    block.height = in.sizes[2];
    block.width = in.sizes[3];
    block.hidden = static_cast<int64_t>(stack[2]);
    block.squeezed = static_cast<int64_t>(stack[3]);
    block.outputs = static_cast<int64_t>(stack[4]);
    block.side = narrowed(stack[5]);
    block.stride = narrowed(stack[6]);
    block.activation = narrowed(stack[7]);
    block.squeeze_activation = narrowed(stack[8]);
    block.gate = narrowed(stack[9]);
    block.expands = truth(stack[10]);
    block.adds_input = truth(stack[11]);
    require(block.stride == 1 || block.stride == 2, "stride is " + std::to_string(block.stride) + ", not 1 or 2");
    require(block.height > 0 && block.width > 0, "an input of shape " + list(in.sizes, kRank) + " is empty");
    int64_t floats = 0;
    require_success(scorecam_inverted_residual_weight_size(block.expands ? block.inputs : 0, block.hidden,
                                                           block.squeezed, block.outputs, block.side, &floats));
    require_floats(weight, floats,
                   std::to_string(block.inputs) + " inputs, " + std::to_string(block.hidden) +
                       " hidden channels, " + std::to_string(block.squeezed) + " squeezed ones and " +
                       std::to_string(block.outputs) + " outputs");
    const Shape out = {{block.images, block.outputs > 0 ? block.outputs : block.hidden,
                        (block.height - 1) / block.stride + 1, (block.width - 1) / block.stride + 1}};
    Handle output(allocate(out, "an output"));
    block.input = image.floats();
    block.weight = weight.data<float>();
    block.output = output.data<float>();
    require_success(scorecam_inverted_residual_batch(&block));
    stack[0] = output.release();
  });
}

// Tensors that have the same images, to be joined along their channels; they must outlive it.
class JoinedImages {
 public:
  explicit JoinedImages(const std::deque<Handle> &inputs) {
    for (const Handle &input : inputs) {
      const Shape &shape = images_.emplace_back(input, "an input").shape();
      Shape expected = images_.front().shape();
      expected.sizes[1] = shape.sizes[1];
      require(std::equal(expected.sizes, expected.sizes + kRank, shape.sizes),
              "inputs of shape " + list(images_.front().shape().sizes, kRank) + " and " + list(shape.sizes, kRank) +
                  " cannot be joined");
      channels.push_back(shape.sizes[1]);
      floats.push_back(images_.back().floats());
      all_channels += shape.sizes[1];
    }
    require(!images_.empty(), "there is no input");
  }

  int64_t tensors() const { return static_cast<int64_t>(images_.size()); }

  // With so many channels.
  Shape shape(int64_t of_channels) const {
    Shape shape = images_.front().shape();
    shape.sizes[1] = of_channels;
    return shape;
  }

  int64_t pixels() const {
    const Shape &shape = images_.front().shape();
    return shape.sizes[0] * shape.sizes[2] * shape.sizes[3];
  }

  std::vector<int64_t> channels;
  std::vector<const float *> floats;
  int64_t all_channels = 0;

 private:
  std::deque<Image> images_;
};

// The channels of all tensors.
StableValue convolve_bounded(const std::deque<Handle> &inputs, const Handle &weight, int64_t outputs,
                             int32_t activation) {
  const JoinedImages joined(inputs);
  int64_t weight_floats = 0;
  require_success(scorecam_bounded_pointwise_weight_size(joined.all_channels, outputs, &weight_floats));
  require_floats(weight, weight_floats,
                 std::to_string(joined.all_channels) + " inputs and " + std::to_string(outputs) + " outputs");
  const Shape out = joined.shape(outputs);
  Handle output(allocate(out, "an output"));
  scorecam_bounded_pointwise convolution = {};
  convolution.images = std::max<int64_t>(1, out.sizes[0]);
  convolution.pixels = joined.pixels();
  convolution.tensors = joined.tensors();
  convolution.channels = joined.channels.data();
  convolution.input = joined.floats.data();
  convolution.outputs = outputs;
  convolution.activation = activation;
  convolution.weight = weight.data<float>();
  convolution.output = output.data<float>();
  require_success(scorecam_bounded_pointwise_batch(&convolution));
  return output.release();
}

// (Tensor input, Tensor weight, int outputs, int activation)
void bounded_pointwise(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::bounded_pointwise", [&] {
    std::deque<Handle> inputs;
    inputs.emplace_back(stack[0]);
    const Handle weight(stack[1]);
    stack[0] = convolve_bounded(inputs, weight, static_cast<int64_t>(stack[2]), narrowed(stack[3]));
  });
}

// (Tensor[] inputs, Tensor weight, int outputs, int activation)
void bounded_pointwise_cat(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::bounded_pointwise_cat", [&] {
    const Handle weight(stack[1]);
    const std::deque<Handle> inputs = handles_of(stack[0]);
    stack[0] = convolve_bounded(inputs, weight, static_cast<int64_t>(stack[2]), narrowed(stack[3]));
  });
}

// (Tensor input, int side, int stride, int padding, bool rounds_up)
void max_pool(StableValue *stack, uint64_t, uint64_t) {
  reporting("scorecam::max_pool", [&] {
    const Handle input(stack[0]);
    const Image image(input, "the input");
    const Shape &in = image.shape();
    const int64_t side = static_cast<int64_t>(stack[1]), stride = static_cast<int64_t>(stack[2]),
                  padding = static_cast<int64_t>(stack[3]);
    scorecam_max_pool pool = {};
    pool.images = in.sizes[0];
    pool.channels = in.sizes[1];
    pool.height = in.sizes[2];
    pool.width = in.sizes[3];
    pool.window = {{side, side}, {stride, stride}, {padding, padding}, {1, 1}};
    pool.rounds_up = truth(stack[4]);
    int64_t outputs[2];
    require_success(scorecam_max_pool_outputs(&pool, outputs));
    Handle output(allocate({{pool.images, pool.channels, outputs[0], outputs[1]}}, "an output"));
    pool.input = image.floats();
    pool.output = output.data<float>();
    require_success(scorecam_max_pool_batch(&pool));
    stack[0] = output.release();
  });
}

// Puts so many parts onto the stack, for Tensor[] inputs and int groups.
void shuffle(StableValue *stack, const char *name, int64_t parts) {
  reporting(name, [&] {
    const std::deque<Handle> inputs = handles_of(stack[0]);
    const JoinedImages joined(inputs);
    std::deque<Handle> outputs;
    std::vector<float *> floats;
    for (int64_t part = 0; part < parts; ++part)
      floats.push_back(
          outputs.emplace_back(allocate(joined.shape(joined.all_channels / parts), "an output")).data<float>());
    const scorecam_channel_shuffle shuffle = {
        joined.pixels(), joined.tensors(), joined.channels.data(), joined.floats.data(), static_cast<int64_t>(stack[1]),
        parts,           floats.data()};
    require_success(scorecam_shuffle_channels(&shuffle));
    for (int64_t part = 0; part < parts; ++part) stack[part] = outputs[static_cast<std::size_t>(part)].release();
  });
}

// (Tensor[] inputs, int groups)
void channel_shuffle(StableValue *stack, uint64_t, uint64_t) { shuffle(stack, "scorecam::channel_shuffle", 1); }
void channel_shuffle_halves(StableValue *stack, uint64_t, uint64_t) {
  shuffle(stack, "scorecam::channel_shuffle_halves", 2);
}

struct Operator {
  const char *schema, *name;
  StableKernel kernel;
};

const Operator kOperators[] = {
    {"winograd(Tensor input, Tensor weight, Tensor bias, int padding, bool relu) -> Tensor", "winograd", winograd},
    {"winograd_add(Tensor input, Tensor residual, Tensor weight, Tensor bias, int padding, bool relu) -> Tensor",
     "winograd_add", winograd_add},
    {"inverted_residual(Tensor input, Tensor weight, int hidden, int squeezed, int outputs, int side, int stride, "
     "int activation, int squeeze_activation, int gate, bool expands, bool adds_input) -> Tensor",
     "inverted_residual", inverted_residual},
    {"bounded_pointwise(Tensor input, Tensor weight, int outputs, int activation) -> Tensor", "bounded_pointwise",
     bounded_pointwise},
    {"bounded_pointwise_cat(Tensor[] inputs, Tensor weight, int outputs, int activation) -> Tensor",
     "bounded_pointwise_cat", bounded_pointwise_cat},
    {"channel_shuffle(Tensor[] inputs, int groups) -> Tensor", "channel_shuffle", channel_shuffle},
    {"channel_shuffle_halves(Tensor[] inputs, int groups) -> (Tensor, Tensor)", "channel_shuffle_halves",
     channel_shuffle_halves},
    {"max_pool(Tensor input, int side, int stride, int padding, bool rounds_up) -> Tensor", "max_pool", max_pool}};

}  // namespace

void register_operators(const char *library) {
  static std::mutex mutex;
  static bool registered = false;
  const std::lock_guard<std::mutex> lock(mutex);
  if (registered) return;
  find_torch_once(library);
  // Kept for ever: deleting them would take the operators back.
  void *definitions = nullptr, *implementations = nullptr;
  CALL(aoti_torch_library_init_def, kNamespace, __FILE__, __LINE__, &definitions);
  for (const Operator &each : kOperators) CALL(aoti_torch_library_def, definitions, each.schema);
  CALL(aoti_torch_library_init_impl, kNamespace, "CPU", __FILE__, __LINE__, &implementations);
  for (const Operator &each : kOperators) CALL(aoti_torch_library_impl, implementations, each.name, each.kernel);
  registered = true;
}

}  // namespace scorecam
