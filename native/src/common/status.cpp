#include "common/failure.h"

namespace scorecam {

const char *status_name(scorecam_status status) noexcept {
  switch (status) {
#define NAME(status) \
  case status:       \
    return #status;
    NAME(SCORECAM_STATUS_OK)
    NAME(SCORECAM_STATUS_INVALID_ARGUMENT)
    NAME(SCORECAM_STATUS_UNSUPPORTED)
    NAME(SCORECAM_STATUS_BAD_ISA)
    NAME(SCORECAM_STATUS_OUT_OF_MEMORY)
    NAME(SCORECAM_STATUS_NOT_APPLICABLE)
    NAME(SCORECAM_STATUS_NO_DEVICE)
    NAME(SCORECAM_STATUS_DEVICE_ERROR)
    NAME(SCORECAM_STATUS_INTERNAL)
#undef NAME
    default:
      return "SCORECAM_STATUS_?";
  }
}

}  // namespace scorecam
