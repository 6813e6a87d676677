#include "torch/operator_body.h"

#include <mutex>

namespace scorecam {

Torch torch;

void find_torch_once(const char *library) {
  static std::mutex mutex;
  static bool found = false;
  const std::lock_guard<std::mutex> lock(mutex);
  if (found) return;
  torch = find_torch(library);
  found = true;
}

}  // namespace scorecam
