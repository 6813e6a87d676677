// What c10::Allocator is to a compiler under the Itanium C++ ABI with libstdc++, as LibTorch 2.10
// declares it in c10/core/Allocator.h: so that one can be written without LibTorch's headers, for that version alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace scorecam {
namespace abi {

constexpr int kMajor = 2, kMinor = 10;

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

}  // namespace abi
}  // namespace scorecam
