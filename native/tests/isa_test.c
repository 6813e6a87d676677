/* SCORECAM_MAX_ISA as the environment has it: isa_test NAME expects it to be obeyed, isa_test alone to be refused. */
#include <stdio.h>
#include <string.h>

#include "scorecam.h"

int main(int argc, char **argv) {
  const char *isa = scorecam_active_isa();
  scorecam_range range;
  float value = 1;
  const scorecam_masking masking = {SCORECAM_UPSAMPLING_NEAREST, SCORECAM_NORMALISE_AFTER, 0, 0};
  const scorecam_tensor map = {&value, SCORECAM_DTYPE_FLOAT32, 3, {1, 1, 1, 0}, {1, 1, 1, 0}};
  const scorecam_status status = scorecam_channel_range(&map, 2, 2, &masking, &range);
  printf("%s: %s %s\n", isa ? isa : "(none)", scorecam_status_name(status), scorecam_last_message());
  if (argc > 1) return isa != NULL && strcmp(isa, argv[1]) == 0 && status == SCORECAM_STATUS_OK ? 0 : 1;
  return isa == NULL && status == SCORECAM_STATUS_BAD_ISA &&
                 strstr(scorecam_last_message(), "SCORECAM_MAX_ISA is \"") != NULL
             ? 0
             : 1;
}
