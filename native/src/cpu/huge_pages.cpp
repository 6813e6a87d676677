#include "cpu/huge_pages.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/failure.h"

namespace scorecam {

#if defined(__linux__)

void use_huge_pages() {
  constexpr const char *kVariable = "THP_MEM_ALLOC_ENABLE";
  // Somebody's own choice stays. LibTorch takes anything but "1" for a no.
  const char *chosen = std::getenv(kVariable);
  if (chosen != nullptr && std::strcmp(chosen, "1") != 0)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "%s=%.100s", kVariable, chosen);
  char modes[64] = "";
  if (FILE *file = std::fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r")) {
    if (std::fgets(modes, sizeof modes, file) == nullptr) modes[0] = '\0';
    std::fclose(file);
  }
  // The mode in force stands in brackets.
  if (modes[0] == '\0' || std::strstr(modes, "[never]") != nullptr)
    fail(SCORECAM_STATUS_NOT_APPLICABLE, "this system gives no huge pages to those who ask");
  if (::setenv(kVariable, "1", 0) != 0) fail(SCORECAM_STATUS_OUT_OF_MEMORY, "the environment is full");
}

#else

void use_huge_pages() { fail(SCORECAM_STATUS_NOT_APPLICABLE, "huge pages are asked for on Linux only"); }

#endif

}  // namespace scorecam
