// Operators of torchvision's, for networks that call them where torchvision's library is not loaded.
#include "torch/vision_operators.h"

#include <cstring>
#include <mutex>
#include <vector>

#include "cpu/nms.h"
#include "cpu/roi_align.h"
#include "torch/operator_body.h"

namespace scorecam {
namespace {

constexpr const char *kNamespace = "torchvision";

// What must hold for arguments of any device. Tensors elsewhere are copied to the CPU and results back: who computes
// much there has torchvision's library.
constexpr const char *kAnyDevice = "CompositeExplicitAutograd";

struct Device {
  int32_t type, index;

  static Device cpu() { return {torch.aoti_torch_device_type_cpu(), 0}; }

  static Device of(const Handle &tensor) {
    Device device = {0, 0};
    CALL(aoti_torch_get_device_type, tensor.get(), &device.type);
    CALL(aoti_torch_get_device_index, tensor.get(), &device.index);
    return device;
  }

  bool is_cpu() const { return type == torch.aoti_torch_device_type_cpu(); }
};

// Of dense tensors, the last dimension first.
std::vector<int64_t> dense_strides(const std::vector<int64_t> &sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) strides[i] = stride;
  return strides;
}

std::vector<int64_t> sizes_of(const Handle &tensor) {
  const int64_t *sizes = tensor.sizes();
  return std::vector<int64_t>(sizes, sizes + tensor.rank());
}

std::string shape_of(const Handle &tensor) { return list(tensor.sizes(), tensor.rank()); }

TorchTensor *allocate(const std::vector<int64_t> &sizes, int32_t dtype, const Device &device) {
  const int64_t rank = static_cast<int64_t>(sizes.size());
  const std::vector<int64_t> strides = dense_strides(sizes);
  TorchTensor *made = nullptr;
  // Its reason stays with LibTorch, but a shape that was checked fails for want of memory alone.
  if (torch.aoti_torch_empty_strided(rank, sizes.data(), strides.data(), dtype, device.type, device.index, &made) != 0)
    fail(SCORECAM_STATUS_OUT_OF_MEMORY, "out of memory: a tensor of shape %s", list(sizes.data(), rank).c_str());
  return made;
}

// A tensor as the kernels read it: itself where it is dense, of the type and on the CPU, else a copy.
class Dense {
 public:
  Dense(const Handle &tensor, int32_t dtype) : tensor_(tensor) {
    const std::vector<int64_t> sizes = sizes_of(tensor), dense = dense_strides(sizes);
    const int64_t *strides = tensor.strides();
    bool fits = tensor.dtype() == dtype && Device::of(tensor).is_cpu();
    for (std::size_t i = 0; i < sizes.size(); ++i) fits = fits && (sizes[i] == 1 || strides[i] == dense[i]);
    if (!fits) {
      copy_.reset(allocate(sizes, dtype, Device::cpu()));
      CALL(aoti_torch_copy_, copy_.get(), tensor.get(), 0);
    }
  }

  template <class T>
  const T *data() const {
    return (copy_.get() == nullptr ? tensor_ : copy_).data<T>();
  }

 private:
  const Handle &tensor_;
  Handle copy_;
};

// The result, in a type and on a device.
StableValue moved(Handle &result, int32_t dtype, const Device &device) {
  if (device.is_cpu() && result.dtype() == dtype) return result.release();
  Handle there(allocate(sizes_of(result), dtype, device));
  CALL(aoti_torch_copy_, there.get(), result.get(), 0);
  return there.release();
}

bool is_half(int32_t dtype) {
  return dtype == torch.aoti_torch_dtype_float16() || dtype == torch.aoti_torch_dtype_bfloat16();
}

void require_floating(int32_t dtype, const char *name) {
  require(is_half(dtype) || dtype == torch.aoti_torch_dtype_float32() || dtype == torch.aoti_torch_dtype_float64(),
          std::string(name) + " must be of a floating-point type");
}

template <class T>
std::vector<int64_t> nms_of(const Handle &boxes, const Handle &scores, double threshold, int32_t dtype) {
  const Dense corners(boxes, dtype), values(scores, dtype);
  return nms(corners.data<T>(), values.data<T>(), scores.sizes()[0], threshold);
}

StableValue kept_boxes(const Handle &boxes, const Handle &scores, double threshold) {
  require(boxes.rank() == 2 && boxes.sizes()[1] == 4, "boxes must have the shape [N, 4], not " + shape_of(boxes));
  require(scores.rank() == 1 && scores.sizes()[0] == boxes.sizes()[0],
          "scores must have the shape [N] for boxes [N, 4]; they have " + shape_of(scores) + " for " + shape_of(boxes));
  const int32_t dtype = boxes.dtype();
  require(dtype == scores.dtype(), "boxes and scores must be of the same type");
  require_floating(dtype, "boxes");
  const std::vector<int64_t> kept =
      dtype == torch.aoti_torch_dtype_float64()
          ? nms_of<double>(boxes, scores, threshold, dtype)
          : nms_of<float>(boxes, scores, threshold, torch.aoti_torch_dtype_float32());
  const int32_t integers = torch.aoti_torch_dtype_int64();
  Handle result(allocate({static_cast<int64_t>(kept.size())}, integers, Device::cpu()));
  if (!kept.empty()) std::memcpy(result.data<int64_t>(), kept.data(), kept.size() * sizeof(int64_t));
  return moved(result, integers, Device::of(boxes));
}

template <class T>
StableValue aligned_regions(const RoiAlign &request, const Handle &images, const Handle &regions, int32_t dtype) {
  const Dense pixels(images, dtype), corners(regions, dtype);
  const int64_t count = regions.sizes()[0];
  const double image_count = static_cast<double>(images.sizes()[0]);
  for (int64_t r = 0; r < count; ++r) {
    const double image = static_cast<double>(corners.data<T>()[5 * r]);
    require(image > -1 && image < image_count, "region " + std::to_string(r) + " is of image " + std::to_string(image) +
                                                   ", and there are " + std::to_string(images.sizes()[0]));
  }
  Handle result(allocate({count, request.channels, request.bins_high, request.bins_wide}, dtype, Device::cpu()));
  roi_align(request, pixels.data<T>(), corners.data<T>(), count, result.data<T>());
  return moved(result, images.dtype(), Device::of(images));
}

StableValue aligned_regions(RoiAlign request, const Handle &images, const Handle &regions) {
  require(images.rank() == 4, "the input must have the shape [N, C, H, W], not " + shape_of(images));
  require(regions.rank() == 2 && regions.sizes()[1] == 5, "rois must have the shape [K, 5], not " + shape_of(regions));
  const int32_t dtype = images.dtype();
  require(dtype == regions.dtype(), "the input and rois must be of the same type");
  require_floating(dtype, "the input");
  require(request.bins_high > 0 && request.bins_wide > 0, "the pooled height and width must be at least 1");
  request.channels = images.sizes()[1];
  request.height = images.sizes()[2];
  request.width = images.sizes()[3];
  require(regions.sizes()[0] == 0 || (request.height > 0 && request.width > 0),
          "the input must have pixels, and its shape is " + shape_of(images));
  if (dtype == torch.aoti_torch_dtype_float64()) return aligned_regions<double>(request, images, regions, dtype);
  if (dtype == torch.aoti_torch_dtype_float16()) return aligned_regions<RoundingHalf>(request, images, regions, dtype);
  return aligned_regions<float>(request, images, regions, torch.aoti_torch_dtype_float32());
}

double number(StableValue value) {
  double number;
  std::memcpy(&number, &value, sizeof number);
  return number;
}

// (Tensor dets, Tensor scores, float iou_threshold)
void run_nms(StableValue *stack, uint64_t, uint64_t) {
  reporting("torchvision::nms", [&] {
    const Handle boxes(stack[0]), scores(stack[1]);
    stack[0] = kept_boxes(boxes, scores, number(stack[2]));
  });
}

// (Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, int sampling_ratio, bool aligned)
void run_roi_align(StableValue *stack, uint64_t, uint64_t) {
  reporting("torchvision::roi_align", [&] {
    const Handle images(stack[0]), regions(stack[1]);
    RoiAlign request = {};
    request.scale = number(stack[2]);
    request.bins_high = static_cast<int64_t>(stack[3]);
    request.bins_wide = static_cast<int64_t>(stack[4]);
    request.samples = static_cast<int64_t>(stack[5]);
    request.aligned = truth(stack[6]);
    stack[0] = aligned_regions(request, images, regions);
  });
}

struct Operator {
  const char *name, *schema;
  StableKernel kernel;
  bool defined;
};

// Schemas as torchvision declares them; the pooled sizes are SymInt there, which programs do not tell from int.
Operator operators[] = {
    {"nms", "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", run_nms, false},
    {"roi_align",
     "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, int sampling_ratio, "
     "bool aligned) -> Tensor",
     run_roi_align, false}};

}  // namespace

void define_vision_operator(const char *library, const char *name) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  if (name == nullptr) fail(SCORECAM_STATUS_INVALID_ARGUMENT, "name is null");
  for (Operator &each : operators) {
    if (name != std::string(kNamespace) + "::" + each.name) continue;
    if (each.defined) return;
    find_torch_once(library);
    // Kept for ever: deleting them would take the operator back.
    void *definition = nullptr, *implementation = nullptr;
    CALL(aoti_torch_library_init_fragment, kNamespace, __FILE__, __LINE__, &definition);
    CALL(aoti_torch_library_def, definition, each.schema);
    CALL(aoti_torch_library_init_impl, kNamespace, kAnyDevice, __FILE__, __LINE__, &implementation);
    CALL(aoti_torch_library_impl, implementation, each.name, each.kernel);
    each.defined = true;
    return;
  }
  fail(SCORECAM_STATUS_UNSUPPORTED, "there is no %.200s here", name);
}

}  // namespace scorecam
