// What c10::Allocator is to a compiler under the Itanium C++ ABI with libstdc++, as LibTorch 2.10
// declares it in c10/core/Allocator.h: so that one can be written without LibTorch's headers, for that version alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace scorecam {
namespace abi {

using Deleter = void (*)(void *);

// c10::DataPtr.
struct DataPtr {
  void *data;
  std::unique_ptr<void, Deleter> context;
  std::int8_t device_type, device_index;
};

// c10::Device: the CPU has no index.
constexpr std::int8_t kCpu = 0, kNoIndex = -1;

// c10::Allocator. The order of the virtual functions is what counts.
class Allocator {
 public:
  virtual ~Allocator() = default;
  virtual DataPtr allocate(std::size_t bytes) = 0;
  virtual bool is_simple_data_ptr(const DataPtr &pointer) const = 0;
  virtual Deleter raw_deleter() const = 0;
  virtual void copy_data(void *to, const void *from, std::size_t bytes) const = 0;
};

// As LibTorch's binaries have it on 64-bit systems; the asserts fail where a compiler or its library lays it out in
// another way, and what they cannot see is tried out before the allocator is kept.
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // which GCC and Clang support for such classes
#endif
static_assert(sizeof(void *) == 8 && sizeof(std::size_t) == 8, "not a 64-bit system");
static_assert(sizeof(Deleter) == 8, "a function's address has another size");
static_assert(sizeof(std::unique_ptr<void, Deleter>) == 16 && alignof(std::unique_ptr<void, Deleter>) == 8,
              "std::unique_ptr has another layout");
static_assert(sizeof(DataPtr) == 32 && alignof(DataPtr) == 8, "c10::DataPtr has another size");
static_assert(offsetof(DataPtr, data) == 0 && offsetof(DataPtr, context) == 8, "c10::DataPtr has another layout");
static_assert(offsetof(DataPtr, device_type) == 24 && offsetof(DataPtr, device_index) == 25,
              "c10::DataPtr has its device elsewhere");
// With a destructor of its own it is returned in memory of the caller's.
static_assert(!std::is_trivially_destructible<DataPtr>::value, "c10::DataPtr is returned in another way");
static_assert(std::is_polymorphic<Allocator>::value && std::has_virtual_destructor<Allocator>::value,
              "c10::Allocator has virtual functions, the destructor among them");
static_assert(sizeof(Allocator) == 8 && alignof(Allocator) == 8, "c10::Allocator has members of its own");
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

}  // namespace abi
}  // namespace scorecam
