#include "cpu/allocator.h"

#include <cinttypes>
#include <climits>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "common/failure.h"

namespace scorecam {

#if defined(__GLIBC__)

void tune_allocator(int64_t mmap_threshold, int64_t trim_threshold, int64_t top_pad) {
  const struct {
    const char *name;
    int parameter;
    int64_t bytes;
  } settings[] = {{"mmap_threshold", M_MMAP_THRESHOLD, mmap_threshold},
                  {"trim_threshold", M_TRIM_THRESHOLD, trim_threshold},
                  {"top_pad", M_TOP_PAD, top_pad}};
  for (const auto &setting : settings)
    if (!(setting.bytes >= 0 && setting.bytes <= INT_MAX))
      fail(SCORECAM_STATUS_INVALID_ARGUMENT, "%s is %" PRId64 ", not within 0 and 2^31 - 1", setting.name,
           setting.bytes);
  for (const auto &setting : settings)
    if (setting.bytes > 0 && ::mallopt(setting.parameter, static_cast<int>(setting.bytes)) == 0)
      fail(SCORECAM_STATUS_UNSUPPORTED, "mallopt refused %s of %" PRId64, setting.name, setting.bytes);
}

#else

void tune_allocator(int64_t, int64_t, int64_t) {
  fail(SCORECAM_STATUS_NOT_APPLICABLE, "the allocator of this platform is not glibc's");
}

#endif

}  // namespace scorecam
