#include "cpu/layer_request.h"

#include <algorithm>
#include <cinttypes>

#include "common/checks.h"
#include "cpu/bounded_pointwise.h"
#include "cpu/inverted_residual.h"
#include "cpu/window.h"
#include "cpu/winograd.h"

namespace scorecam {
namespace {

// So that byte offsets, and sums of a few, fit.
constexpr int64_t kMostFloats = INT64_MAX / 64;

// Whether offsets into so many images would not fit. Whatever is rounded up, sizes with a margin fit as well.
bool exceed_memory(int64_t images, int64_t height, int64_t width, int64_t channels) {
  int64_t pixels, floats;
  return images > kMostFloats || height > kMostFloats || width > kMostFloats ||
         __builtin_mul_overflow(height + 8, width + 8, &pixels) ||
         __builtin_mul_overflow(pixels, images + 16, &pixels) || __builtin_mul_overflow(pixels, channels, &floats) ||
         floats > kMostFloats;
}

void check_activation(int32_t activation) {
  if (!(activation >= SCORECAM_ACTIVATION_NONE && activation <= SCORECAM_ACTIVATION_HARDSIGMOID))
    fail(SCORECAM_STATUS_UNSUPPORTED, "activation is %" PRId32 ", none of SCORECAM_ACTIVATION_*", activation);
}

void check_flag(int32_t flag, const char *name) {
  if (flag != 0 && flag != 1) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is %" PRId32 ", not 0 or 1", name, flag);
}

void check_has_channels(int64_t inputs, int64_t outputs) {
  if (inputs < 1 || outputs < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the convolution has %" PRId64 " inputs and %" PRId64 " outputs", inputs,
         outputs);
}

// Numbers so small that positions do not overflow.
void check_window_numbers(const scorecam_window &window, const int64_t image[2]) {
  constexpr int64_t most = int64_t{1} << 20;
  for (int d = 0; d < 2; ++d) {
    const int64_t kernel = window.kernel[d], stride = window.stride[d];
    const int64_t padding = window.padding[d], dilation = window.dilation[d];
    if (!(kernel >= 1 && kernel <= most) || !(stride >= 1 && stride <= most) || !(padding >= 0 && padding <= most) ||
        !(dilation >= 1 && dilation <= most))
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the window has kernel %" PRId64 ", stride %" PRId64 ", padding %" PRId64
           " and dilation %" PRId64 " in dimension %d", kernel, stride, padding, dilation, d);
    if (image[d] > INT32_MAX)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the image has %" PRId64 " pixels in dimension %d, more than 2^31 - 1",
           image[d], d);
  }
}

void check_has_outputs(int64_t outputs, const int64_t image[2], int d) {
  if (outputs < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the window does not fit into the image's %" PRId64 " pixels in dimension %d",
         image[d], d);
}

// The same, and at least one output.
void check_window(const scorecam_window &window, const int64_t image[2]) {
  check_window_numbers(window, image);
  for (int d = 0; d < 2; ++d) check_has_outputs(window_outputs(window, d, image[d]), image, d);
}

}  // namespace

void check_stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2],
                        const scorecam_window *window, const int64_t *classes) {
  check_upsampling(upsampling);
  check_not_null(map, "map");
  check_not_null(image, "image");
  check_not_null(window, "window");
  check_not_null(classes, "classes");
  if (!(map[0] >= 1 && map[0] <= INT32_MAX && map[1] >= 1 && map[1] <= INT32_MAX))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the maps are %" PRId64 " x %" PRId64, map[0], map[1]);
  check_image_size(image[0], image[1]);
  check_window(*window, image);
}

StemRequest check_stem(const scorecam_stem *stem, const int64_t *row_channels, const scorecam_masking *masking,
                       const scorecam_tensor *out) {
  check_not_null(stem, "stem");
  check_masking(masking);
  check_tensor(out, "out", 4);
  check_activations(&stem->activations, "stem.activations");
  check_image_size(stem->height, stem->width);
  const int64_t image[2] = {stem->height, stem->width};
  check_window(stem->window, image);
  if (stem->outputs < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "stem.outputs is %" PRId64 ", not at least 1", stem->outputs);
  if (!(stem->lowest <= stem->highest))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "lowest is %g, highest %g", static_cast<double>(stem->lowest),
         static_cast<double>(stem->highest));
  StemRequest request{};
  request.stem = *stem;
  request.row_channels = row_channels;
  request.masking = *masking;
  request.rows = out->sizes[0];
  request.out_height = window_outputs(stem->window, 0, stem->height);
  request.out_width = window_outputs(stem->window, 1, stem->width);
  request.out = static_cast<float *>(out->data);
  if (request.rows == 0) return request;
  const int64_t o = stem->outputs, h = request.out_height, w = request.out_width;
  if (out->sizes[1] != o || out->sizes[2] != h || out->sizes[3] != w)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "out has shape %s, not [B, %" PRId64 ", %" PRId64 ", %" PRId64 "]",
         shape(*out).c_str(), o, h, w);
  if (out->dtype != SCORECAM_DTYPE_FLOAT32)
    fail(SCORECAM_STATUS_UNSUPPORTED, "out has dtype %" PRId32 ", not float32", out->dtype);
  int64_t sample;
  if (__builtin_mul_overflow(h * w, o, &sample) || sample > kMostFloats)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "out of shape %s exceeds the address space", shape(*out).c_str());
  if (!stride_is(*out, 1, 1) || !stride_is(*out, 3, o) || !stride_is(*out, 2, w * o) || !stride_is(*out, 0, sample))
    fail(SCORECAM_STATUS_UNSUPPORTED, "out of shape %s is not dense and channels-last", shape(*out).c_str());
  if (stem->activations.sizes[0] > 0) check_not_null(stem->ranges, "stem.ranges");
  check_row_channels(row_channels, request.rows, stem->activations.sizes[0]);
  check_not_null(stem->responses, "stem.responses");
  return request;
}

int64_t check_winograd_weight_size(int64_t inputs, int64_t outputs) {
  check_has_channels(inputs, outputs);
  int64_t floats;
  constexpr int64_t most = int64_t{1} << 40;
  if (inputs > most || outputs > most ||
      __builtin_mul_overflow(winograd::panel_floats(inputs), winograd::panels(outputs), &floats) ||
      floats > kMostFloats)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "weights of %" PRId64 " inputs and %" PRId64
         " outputs exceed the address space", inputs, outputs);
  return floats;
}

WinogradPackRequest check_winograd_pack(const scorecam_tensor *weight, float *packed) {
  check_tensor(weight, "weight", 4);
  if (weight->sizes[2] != 3 || weight->sizes[3] != 3)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "weight has shape %s, not [O, I, 3, 3]", shape(*weight).c_str());
  check_winograd_weight_size(weight->sizes[1], weight->sizes[0]);
  check_not_null(packed, "packed");
  return {*weight, packed};
}

ConvolutionRequest check_convolution(const scorecam_convolution *convolution) {
  check_not_null(convolution, "convolution");
  const scorecam_convolution &c = *convolution;
  if (c.images < 0 || c.height < 0 || c.width < 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "there are %" PRId64 " images of %" PRId64 " x %" PRId64, c.images, c.height,
         c.width);
  if (!(c.padding >= 0 && c.padding <= 2))
    fail(SCORECAM_STATUS_UNSUPPORTED, "padding is %" PRId32 ", not 0, 1 or 2", c.padding);
  check_flag(c.relu, "relu");
  check_winograd_weight_size(c.inputs, c.outputs);
  if (exceed_memory(c.images, c.height, c.width, std::max(c.inputs, c.outputs)))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " images of %" PRId64 " x %" PRId64 " with %" PRId64
         " inputs and %" PRId64 " outputs exceed the address space", c.images, c.height, c.width, c.inputs, c.outputs);
  ConvolutionRequest request{};
  request.images = c.images;
  request.height = c.height;
  request.width = c.width;
  request.inputs = c.inputs;
  request.outputs = c.outputs;
  request.padding = c.padding;
  request.out_height = c.height + 2 * c.padding - 2;
  request.out_width = c.width + 2 * c.padding - 2;
  request.relu = c.relu == 1;
  request.input = c.input;
  request.weight = c.weight;
  request.bias = c.bias;
  request.residual = c.residual;
  request.output = c.output;
  if (request.images == 0) return request;
  if (c.height < 1 || c.width < 1 || request.out_height < 1 || request.out_width < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "images of %" PRId64 " x %" PRId64 " with padding %" PRId32
         " have no outputs", c.height, c.width, c.padding);
  check_not_null(c.input, "input");
  check_not_null(c.weight, "weight");
  check_not_null(c.output, "output");
  return request;
}

int64_t check_inverted_residual_weight_size(int64_t inputs, int64_t hidden, int64_t squeezed, int64_t outputs,
                                            int64_t side) {
  if (inputs < 0 || hidden < 1 || squeezed < 0 || outputs < 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the inverted residual has %" PRId64 " inputs, %" PRId64
         " hidden channels, %" PRId64 " squeezed ones and %" PRId64 " outputs", inputs, hidden, squeezed, outputs);
  if (side != 3 && side != 5)
    fail(SCORECAM_STATUS_UNSUPPORTED, "the filter is %" PRId64 " x %" PRId64 ", not 3 x 3 or 5 x 5", side, side);
  constexpr int64_t most = int64_t{1} << 40;
  for (const int64_t others : {inputs, squeezed, outputs}) {
    int64_t floats;
    if (others > most || hidden > most || __builtin_mul_overflow(others + 32, hidden + 32, &floats) ||
        floats > kMostFloats)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "weights of %" PRId64 " inputs, %" PRId64 " hidden channels, %" PRId64
           " squeezed ones and %" PRId64 " outputs exceed the address space", inputs, hidden, squeezed, outputs);
  }
  return inverted_residual::Packed(inputs, hidden, squeezed, outputs, side).floats;
}

InvertedResidualPackRequest check_inverted_residual_pack(const scorecam_inverted_residual_weights *weights,
                                                         float *packed) {
  check_not_null(weights, "weights");
  check_tensor(weights->filter, "filter", 4);
  const scorecam_tensor &filter = *weights->filter;
  if (filter.sizes[1] != 1 || filter.sizes[2] != filter.sizes[3])
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "filter has shape %s, not [E, 1, side, side]", shape(filter).c_str());
  InvertedResidualPackRequest request{};
  request.weights = *weights;
  request.hidden = filter.sizes[0];
  request.side = filter.sizes[2];
  request.packed = packed;
  const auto check_pointwise = [&](const scorecam_tensor *weight, const char *name, int hidden_dimension,
                                   const char *expected) {
    check_tensor(weight, name, 4);
    if (weight->sizes[hidden_dimension] != request.hidden || weight->sizes[2] != 1 || weight->sizes[3] != 1)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s has shape %s, not [%s, 1, 1] with E = %" PRId64, name,
           shape(*weight).c_str(), expected, request.hidden);
    const int64_t others = weight->sizes[1 - hidden_dimension];
    if (others < 1) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s has shape %s", name, shape(*weight).c_str());
    return others;
  };
  if (weights->expand != nullptr) request.inputs = check_pointwise(weights->expand, "expand", 0, "E, I");
  if (weights->project != nullptr) request.outputs = check_pointwise(weights->project, "project", 1, "O, E");
  if ((weights->squeeze == nullptr) != (weights->excite == nullptr))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "of squeeze and excite only one is null");
  if (weights->squeeze != nullptr) {
    request.squeezed = check_pointwise(weights->squeeze, "squeeze", 1, "Q, E");
    const int64_t excited = check_pointwise(weights->excite, "excite", 0, "E, Q");
    if (excited != request.squeezed)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "squeeze has %" PRId64 " outputs, excite %" PRId64 " inputs",
           request.squeezed, excited);
  }
  check_inverted_residual_weight_size(request.inputs, request.hidden, request.squeezed, request.outputs, request.side);
  check_not_null(packed, "packed");
  return request;
}

InvertedResidualRequest check_inverted_residual(const scorecam_inverted_residual *block) {
  check_not_null(block, "block");
  const scorecam_inverted_residual &b = *block;
  if (b.images < 0 || b.height < 1 || b.width < 1 || b.inputs < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "there are %" PRId64 " images of %" PRId64 " x %" PRId64 " with %" PRId64
         " channels", b.images, b.height, b.width, b.inputs);
  check_inverted_residual_weight_size(b.inputs, b.hidden, b.squeezed, b.outputs, b.side);
  if (b.stride != 1 && b.stride != 2)
    fail(SCORECAM_STATUS_UNSUPPORTED, "stride is %" PRId32 ", not 1 or 2", b.stride);
  check_activation(b.activation);
  check_activation(b.squeeze_activation);
  check_activation(b.gate);
  if (b.squeezed > 0 && b.outputs == 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "what %" PRId64 " squeezed channels scale is not projected", b.squeezed);
  check_flag(b.expands, "expands");
  check_flag(b.adds_input, "adds_input");
  if (b.expands == 0 && b.inputs != b.hidden)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " inputs are not expanded to %" PRId64 " hidden channels",
         b.inputs, b.hidden);
  if (b.adds_input == 1 && (b.stride != 1 || b.inputs != b.outputs))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "the input of %" PRId64 " channels cannot be added to %" PRId64
         " outputs with stride %" PRId32, b.inputs, b.outputs, b.stride);
  if (exceed_memory(b.images, b.height, b.width, std::max({b.inputs, b.hidden, b.outputs}) + 32))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " images of %" PRId64 " x %" PRId64 " with %" PRId64
         " inputs, %" PRId64 " hidden channels and %" PRId64 " outputs exceed the address space", b.images, b.height,
         b.width, b.inputs, b.hidden, b.outputs);
  InvertedResidualRequest request{};
  request.images = b.images;
  request.height = b.height;
  request.width = b.width;
  request.inputs = b.inputs;
  request.hidden = b.hidden;
  request.squeezed = b.squeezed;
  request.outputs = b.outputs;
  request.side = b.side;
  request.stride = b.stride;
  request.out_height = (b.height - 1) / b.stride + 1;
  request.out_width = (b.width - 1) / b.stride + 1;
  request.activation = b.activation;
  request.squeeze_activation = b.squeeze_activation;
  request.gate = b.gate;
  request.expands = b.expands == 1;
  request.adds_input = b.adds_input == 1;
  request.input = b.input;
  request.weight = b.weight;
  request.output = b.output;
  if (request.images == 0) return request;
  check_not_null(b.input, "input");
  check_not_null(b.weight, "weight");
  check_not_null(b.output, "output");
  return request;
}

int64_t check_bounded_pointwise_weight_size(int64_t inputs, int64_t outputs) {
  check_has_channels(inputs, outputs);
  int64_t weights;
  if (inputs > kMostFloats || outputs > kMostFloats || __builtin_mul_overflow(inputs + 32, outputs + 32, &weights) ||
      weights > kMostFloats)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "weights of %" PRId64 " inputs and %" PRId64
         " outputs exceed the address space", inputs, outputs);
  return bounded_pointwise::Packed(inputs, outputs).floats;
}

BoundedPointwisePackRequest check_bounded_pointwise_pack(const scorecam_bounded_pointwise_weights *weights,
                                                         float *packed) {
  check_not_null(weights, "weights");
  check_tensor(weights->weight, "weight", 4);
  const scorecam_tensor &weight = *weights->weight;
  if (weight.sizes[2] != 1 || weight.sizes[3] != 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "weight has shape %s, not [O, I, 1, 1]", shape(weight).c_str());
  check_bounded_pointwise_weight_size(weight.sizes[1], weight.sizes[0]);
  check_not_null(weights->least, "least");
  check_not_null(weights->most, "most");
  check_not_null(packed, "packed");
  return {weight, weights->bias, weights->least, weights->most, packed};
}

// Of so many tensors, joined.
int64_t check_joined_channels(int64_t tensors, const int64_t *channels) {
  check_not_null(channels, "channels");
  int64_t all = 0;
  for (int64_t t = 0; t < tensors; ++t)
    if (channels[t] < 0 || __builtin_add_overflow(all, channels[t], &all))
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "tensor %" PRId64 " has %" PRId64 " channels", t, channels[t]);
  return all;
}

void check_joined_data(int64_t tensors, const int64_t *channels, const float *const *input) {
  check_not_null(input, "input");
  for (int64_t t = 0; t < tensors; ++t)
    if (channels[t] > 0 && input[t] == nullptr)
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "tensor %" PRId64 " has no data", t);
}

BoundedPointwiseRequest check_bounded_pointwise(const scorecam_bounded_pointwise *convolution) {
  check_not_null(convolution, "convolution");
  const scorecam_bounded_pointwise &c = *convolution;
  if (c.pixels < 0 || c.tensors < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "there are %" PRId64 " pixels in %" PRId64 " tensors", c.pixels, c.tensors);
  if (c.images < 1 || c.pixels % c.images != 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " pixels are not those of %" PRId64 " images of the same size",
         c.pixels, c.images);
  const int64_t inputs = check_joined_channels(c.tensors, c.channels);
  check_bounded_pointwise_weight_size(inputs, c.outputs);
  check_activation(c.activation);
  if (exceed_memory(c.pixels, 1, 1, std::max(inputs, c.outputs)))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " pixels with %" PRId64 " inputs and %" PRId64
         " outputs exceed the address space", c.pixels, inputs, c.outputs);
  if (c.pixels > 0) {
    check_joined_data(c.tensors, c.channels, c.input);
    check_not_null(c.weight, "weight");
    check_not_null(c.output, "output");
  }
  return {c.images, c.pixels, c.tensors, c.channels, c.input, inputs, c.outputs, c.activation, c.weight, c.output};
}

ChannelShuffleRequest check_channel_shuffle(const scorecam_channel_shuffle *shuffle) {
  check_not_null(shuffle, "shuffle");
  const scorecam_channel_shuffle &s = *shuffle;
  if (s.pixels < 0 || s.tensors < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "there are %" PRId64 " pixels in %" PRId64 " tensors", s.pixels, s.tensors);
  const int64_t channels = check_joined_channels(s.tensors, s.channels);
  if (channels < 1 || s.groups < 1 || channels % s.groups != 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " channels are not %" PRId64 " equal groups", channels, s.groups);
  if (s.parts < 1 || channels % s.parts != 0)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " channels are not %" PRId64 " equal parts", channels, s.parts);
  if (exceed_memory(s.pixels, 1, 1, channels))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " pixels with %" PRId64 " channels exceed the address space",
         s.pixels, channels);
  if (s.pixels > 0) {
    check_joined_data(s.tensors, s.channels, s.input);
    check_not_null(s.output, "output");
    for (int64_t part = 0; part < s.parts; ++part)
      if (s.output[part] == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "part %" PRId64 " has no data", part);
  }
  return {s.pixels, s.tensors, s.channels, s.input, channels, s.groups, s.parts, s.output};
}

void check_max_pool_outputs(const scorecam_max_pool *pool, int64_t *outputs) {
  check_not_null(pool, "pool");
  check_not_null(outputs, "outputs");
  const scorecam_max_pool &p = *pool;
  if (p.images < 0 || p.height < 1 || p.width < 1 || p.channels < 1)
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "there are %" PRId64 " images of %" PRId64 " x %" PRId64 " with %" PRId64
         " channels", p.images, p.height, p.width, p.channels);
  const int64_t size[2] = {p.height, p.width};
  check_window_numbers(p.window, size);
  check_flag(p.rounds_up, "rounds_up");
  for (int d = 0; d < 2; ++d) {
    if (p.window.dilation[d] != 1)
      fail(SCORECAM_STATUS_UNSUPPORTED, "dilation is %" PRId64 ", not 1", p.window.dilation[d]);
    if (2 * p.window.padding[d] > p.window.kernel[d])
      fail(SCORECAM_STATUS_UNSUPPORTED, "padding is %" PRId64 ", more than half of a kernel of %" PRId64,
           p.window.padding[d], p.window.kernel[d]);
    outputs[d] = window_outputs(p.window, d, size[d], p.rounds_up == 1);
    check_has_outputs(outputs[d], size, d);
  }
}

MaxPoolRequest check_max_pool(const scorecam_max_pool *pool) {
  int64_t outputs[2];
  check_max_pool_outputs(pool, outputs);
  const scorecam_max_pool &p = *pool;
  if (p.reserved != 0) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "pool.reserved is %" PRId32 ", not 0", p.reserved);
  // Outputs are no more than pixels with their border.
  if (exceed_memory(p.images, p.height + 2 * p.window.padding[0], p.width + 2 * p.window.padding[1], p.channels))
    fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%" PRId64 " images of %" PRId64 " x %" PRId64 " with %" PRId64
         " channels exceed the address space", p.images, p.height, p.width, p.channels);
  if (p.images > 0) {
    check_not_null(p.input, "input");
    check_not_null(p.output, "output");
  }
  return {p.images, p.height, p.width, p.channels, p.window, outputs[0], outputs[1], p.input, p.output};
}

}  // namespace scorecam
