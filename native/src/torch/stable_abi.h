// The part of LibTorch's stable C interface that we use, declared from its documentation, since LibTorch's headers do
// not come with its binaries. The functions are looked up in the library that is loaded.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scorecam {

// An argument or a result of an operator: an integer, a truth value, a double, or the handle of a tensor or a list, in
// the lowest bytes.
using StableValue = uint64_t;

struct TorchTensor;
struct TorchList;

// Takes `inputs` arguments from the stack, and leaves its results there. Handles among the arguments are its own.
using StableKernel = void (*)(StableValue *stack, uint64_t inputs, uint64_t outputs);

// name, parameters; each returns 0 when all went well, but for those listed as values.
#define SCORECAM_TORCH_FUNCTIONS(FUNCTION)                                                                          \
  FUNCTION(int32_t, aoti_torch_library_init_def, (const char *name_space, const char *file, uint32_t line,          \
                                                  void **library))                                                  \
  FUNCTION(int32_t, aoti_torch_library_init_fragment, (const char *name_space, const char *file, uint32_t line,     \
                                                       void **library))                                             \
  FUNCTION(int32_t, aoti_torch_library_init_impl, (const char *name_space, const char *dispatch_key,                \
                                                   const char *file, uint32_t line, void **library))                \
  FUNCTION(int32_t, aoti_torch_library_def, (void *library, const char *schema))                                    \
  FUNCTION(int32_t, aoti_torch_library_impl, (void *library, const char *name, StableKernel kernel))                \
  FUNCTION(int32_t, aoti_torch_get_data_ptr, (TorchTensor * tensor, void **data))                                   \
  FUNCTION(int32_t, aoti_torch_get_dim, (TorchTensor * tensor, int64_t *rank))                                      \
  FUNCTION(int32_t, aoti_torch_get_sizes, (TorchTensor * tensor, int64_t **sizes))                                  \
  FUNCTION(int32_t, aoti_torch_get_strides, (TorchTensor * tensor, int64_t **strides))                              \
  FUNCTION(int32_t, aoti_torch_get_dtype, (TorchTensor * tensor, int32_t *dtype))                                   \
  FUNCTION(int32_t, aoti_torch_get_device_type, (TorchTensor * tensor, int32_t *type))                              \
  FUNCTION(int32_t, aoti_torch_get_device_index, (TorchTensor * tensor, int32_t *index))                            \
  FUNCTION(int32_t, aoti_torch_empty_strided, (int64_t rank, const int64_t *sizes, const int64_t *strides,          \
                                               int32_t dtype, int32_t device_type, int32_t device_index,            \
                                               TorchTensor **tensor))                                               \
  FUNCTION(int32_t, aoti_torch_copy_, (TorchTensor * to, TorchTensor * from, int32_t non_blocking))                 \
  FUNCTION(int32_t, aoti_torch_delete_tensor_object, (TorchTensor * tensor))                                        \
  FUNCTION(int32_t, torch_list_size, (TorchList * list, std::size_t *size))                                         \
  FUNCTION(int32_t, torch_list_get_item, (TorchList * list, std::size_t index, StableValue *item))                  \
  FUNCTION(int32_t, torch_delete_list, (TorchList * list))                                                          \
  FUNCTION(int32_t, aoti_torch_dtype_float16, ())                                                                   \
  FUNCTION(int32_t, aoti_torch_dtype_bfloat16, ())                                                                  \
  FUNCTION(int32_t, aoti_torch_dtype_float32, ())                                                                   \
  FUNCTION(int32_t, aoti_torch_dtype_float64, ())                                                                   \
  FUNCTION(int32_t, aoti_torch_dtype_int64, ())                                                                     \
  FUNCTION(int32_t, aoti_torch_device_type_cpu, ())                                                                 \
  FUNCTION(void, aoti_torch_check, (bool condition, const char *function, const char *file, uint32_t line,          \
                                    const char *message))

struct Torch {
#define MEMBER(result, name, parameters) result(*name) parameters;
  SCORECAM_TORCH_FUNCTIONS(MEMBER)
#undef MEMBER
};

// Finds the functions in a library that is already loaded; fails if it is not, or lacks one.
Torch find_torch(const char *library);

// The LibTorch whose C++ classes are as they are declared here.
constexpr int kKnownMajor = 2, kKnownMinor = 10;

// Fails unless a library is loaded and of that version.
void require_known_torch(const char *library);

// A function of a library that is already loaded, by the name that its linker knows; fails if it is not there.
void *address_in_torch(const char *library, const char *name);

template <class Function>
Function find_in_torch(const char *library, const char *name) {
  return reinterpret_cast<Function>(address_in_torch(library, name));
}

}  // namespace scorecam
