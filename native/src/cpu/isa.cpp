#include "cpu/isa.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "common/failure.h"

namespace scorecam {
namespace {

namespace available {
bool scalar() { return true; }
#if defined(__x86_64__)
bool baseline() { return true; }
// Not every Clang's __builtin_cpu_supports knows it; what the system must do for it is done for AVX.
bool f16c() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
bool avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && f16c(); }
bool avx512() {
  return avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool avx512bf16() { return avx512() && __builtin_cpu_supports("avx512bf16"); }
#elif defined(__aarch64__)
bool neon() { return true; }
#else
bool baseline() { return true; }
#endif
}  // namespace available

// From the slowest to the fastest.
#define ENTRY(isa)                                                                                         \
  {#isa, available::isa, &isa::row_kernels, &isa::stem_kernels, &isa::winograd_kernels, &isa::pixel_kernels},
const Isa kIsas[] = {{"scalar", available::scalar, nullptr, nullptr, nullptr, nullptr}, SCORECAM_ISAS(ENTRY)};
#undef ENTRY

const Isa *best_up_to(const char *cap, const char *origin) {
  const Isa *best = nullptr;
  std::string known;
  for (const Isa &isa : kIsas) {
    if (isa.available()) best = &isa;
    if (cap != nullptr && std::strcmp(cap, isa.name) == 0) return best;
    known += std::string(known.empty() ? "" : ", ") + isa.name;
  }
  if (cap != nullptr)
    fail(SCORECAM_STATUS_BAD_ISA, "%s is \"%.40s\"; this architecture has %s", origin, cap, known.c_str());
  return best;
}

std::atomic<const Isa *> active{nullptr};

}  // namespace

const Isa &active_isa() {
  const Isa *isa = active.load(std::memory_order_acquire);
  if (isa == nullptr) {
    isa = best_up_to(std::getenv("SCORECAM_MAX_ISA"), "SCORECAM_MAX_ISA");
    active.store(isa, std::memory_order_release);
  }
  return *isa;
}

void set_max_isa(const char *name) { active.store(best_up_to(name, "the cap"), std::memory_order_release); }

}  // namespace scorecam
