// Masks a 3 x 4 x 4 image with two 2 x 2 activation maps and prints the first channel of both masked images.
#include <cstdio>

#include "scorecam.h"

static void check(scorecam_status status) {
  if (status != SCORECAM_STATUS_OK) throw scorecam_last_message();
}

int main() try {
  float maps[2][2][2] = {{{0, 1}, {2, 3}}, {{5, 5}, {5, 9}}}, image[3][4][4], chunk[2][3][4][4];
  for (float *value = image[0][0]; value != image[0][0] + 48; ++value) *value = 1;

  const scorecam_masking masking = {SCORECAM_UPSAMPLING_BICUBIC, SCORECAM_NORMALISE_AFTER, 1e-10f, 0};
  scorecam_range ranges[2];
  const scorecam_source source = {{maps, SCORECAM_DTYPE_FLOAT32, 3, {2, 2, 2, 0}, {4, 2, 1, 0}},
                                  {image, SCORECAM_DTYPE_FLOAT32, 3, {3, 4, 4, 0}, {16, 4, 1, 0}},
                                  ranges};
  const scorecam_tensor out = {chunk, SCORECAM_DTYPE_FLOAT32, 4, {2, 3, 4, 4}, {48, 16, 4, 1}};
  const int64_t channels[2] = {0, 1};

  check(scorecam_channel_range(&source.activations, 4, 4, &masking, ranges));
  check(scorecam_masked_batch(&source, channels, &masking, &out));
  for (const auto &masked : chunk)
    for (const auto &row : masked[0])
      std::printf("%.3f %.3f %.3f %.3f\n", row[0], row[1], row[2], row[3]);
} catch (const char *message) {
  std::fprintf(stderr, "%s\n", message);
  return 1;
}
