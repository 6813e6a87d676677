/* The C interface from C: bad arguments give a status and a message that names them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scorecam.h"

static int failures = 0;

static void expect(scorecam_status actual, scorecam_status expected, const char *message, int line) {
  if (actual == expected && strstr(scorecam_last_message(), message) != NULL) return;
  ++failures;
  fprintf(stderr, "line %d: %s \"%s\", expected %s \"...%s...\"\n", line, scorecam_status_name(actual),
          scorecam_last_message(), scorecam_status_name(expected), message);
}

#define EXPECT(call, status, message) expect((call), SCORECAM_STATUS_##status, (message), __LINE__)
#define TRUE(condition) \
  ((condition) ? (void)0 : (void)(++failures, fprintf(stderr, "line %d: not %s\n", __LINE__, #condition)))

static float maps[2 * 3 * 3], image[3 * 4 * 4], chunk[2 * 3 * 4 * 4];

int main(void) {
  scorecam_range ranges[2];
  const scorecam_masking good = {SCORECAM_UPSAMPLING_BICUBIC, SCORECAM_NORMALISE_AFTER, 1e-8f, 0};
  const scorecam_source good_source = {{maps, SCORECAM_DTYPE_FLOAT32, 3, {2, 3, 3, 0}, {9, 3, 1, 0}},
                                       {image, SCORECAM_DTYPE_FLOAT32, 3, {3, 4, 4, 0}, {16, 4, 1, 0}},
                                       ranges};
  const scorecam_tensor good_out = {chunk, SCORECAM_DTYPE_FLOAT32, 4, {2, 3, 4, 4}, {48, 16, 4, 1}};
  const int64_t channels[2] = {0, 1};
  scorecam_masking masking;
  scorecam_source source;
  scorecam_tensor out;
  int64_t wrong[2] = {0, 2};

  TRUE(scorecam_abi_version() == SCORECAM_ABI_VERSION);
  TRUE(strlen(scorecam_version()) > 0);
  TRUE(scorecam_active_isa() != NULL);
  TRUE(strcmp(scorecam_status_name(SCORECAM_STATUS_BAD_ISA), "SCORECAM_STATUS_BAD_ISA") == 0);
  TRUE(scorecam_status_name(99) != NULL);

#define RANGE(activations, masking) scorecam_channel_range(activations, 4, 4, masking, ranges)
  EXPECT(RANGE(&good_source.activations, &good), OK, "");
  EXPECT(RANGE(NULL, &good), INVALID_ARGUMENT, "activations is null");
  EXPECT(RANGE(&good_source.activations, NULL), INVALID_ARGUMENT, "masking is null");
  EXPECT(scorecam_channel_range(&good_source.activations, 4, 4, &good, NULL), INVALID_ARGUMENT, "ranges is null");
  EXPECT(scorecam_channel_range(&good_source.activations, 0, 4, &good, ranges), INVALID_ARGUMENT, "0 x 4");
  masking = good;
  masking.upsampling = 9;
  EXPECT(RANGE(&good_source.activations, &masking), UNSUPPORTED, "upsampling is 9");
  masking = good;
  masking.normalisation = -1;
  EXPECT(RANGE(&good_source.activations, &masking), UNSUPPORTED, "normalisation is -1");
  masking = good;
  masking.epsilon = -1;
  EXPECT(RANGE(&good_source.activations, &masking), INVALID_ARGUMENT, "epsilon is -1");
  masking.epsilon = 0.0f;
  masking.epsilon /= masking.epsilon;
  EXPECT(RANGE(&good_source.activations, &masking), INVALID_ARGUMENT, "epsilon is");
  masking = good;
  masking.reserved = 1;
  EXPECT(RANGE(&good_source.activations, &masking), INVALID_ARGUMENT, "reserved");
  out = good_source.activations;
  out.rank = 2;
  EXPECT(RANGE(&out, &good), INVALID_ARGUMENT, "activations has rank 2, not 3");
  out = good_source.activations;
  out.dtype = 5;
  EXPECT(RANGE(&out, &good), UNSUPPORTED, "dtype 5");
  out = good_source.activations;
  out.sizes[1] = 0;
  EXPECT(RANGE(&out, &good), INVALID_ARGUMENT, "[2, 0, 3]");
  out = good_source.activations;
  out.sizes[0] = -1;
  EXPECT(RANGE(&out, &good), INVALID_ARGUMENT, "[-1, 3, 3]");
  out = good_source.activations;
  out.data = NULL;
  EXPECT(RANGE(&out, &good), INVALID_ARGUMENT, "has no data");
  out = good_source.activations;
  out.strides[0] = INT64_MAX;
  EXPECT(RANGE(&out, &good), INVALID_ARGUMENT, "exceeds the address space");
  out = good_source.activations;
  out.sizes[0] = 0;
  EXPECT(scorecam_channel_range(&out, 4, 4, &good, NULL), OK, "");

#define BATCH(source, channels, out) scorecam_masked_batch(source, channels, &good, out)
  EXPECT(BATCH(&good_source, channels, &good_out), OK, "");
  TRUE(strcmp(scorecam_last_message(), "") == 0);
  EXPECT(BATCH(NULL, channels, &good_out), INVALID_ARGUMENT, "source is null");
  EXPECT(BATCH(&good_source, NULL, &good_out), INVALID_ARGUMENT, "row_channels is null");
  EXPECT(BATCH(&good_source, channels, NULL), INVALID_ARGUMENT, "out is null");
  EXPECT(BATCH(&good_source, wrong, &good_out), INVALID_ARGUMENT, "row_channels[1] is 2 of 2 channels");
  source = good_source;
  source.ranges = NULL;
  EXPECT(BATCH(&source, channels, &good_out), INVALID_ARGUMENT, "source.ranges is null");
  source = good_source;
  source.image.sizes[2] = 5;
  EXPECT(BATCH(&source, channels, &good_out), INVALID_ARGUMENT, "source.image of shape [3, 4, 5]");
  out = good_out;
  out.strides[2] = 8;
  EXPECT(BATCH(&good_source, channels, &out), UNSUPPORTED, "contiguous or channels-last");
  out = good_out;
  out.strides[0] = 47;
  EXPECT(BATCH(&good_source, channels, &out), INVALID_ARGUMENT, "overlapping samples");
  out = good_out;
  out.dtype = -1;
  EXPECT(BATCH(&good_source, channels, &out), UNSUPPORTED, "out has dtype -1");
  out = good_out;
  out.sizes[0] = 0;
  EXPECT(BATCH(NULL, NULL, &out), OK, "");
  out = good_out;
  out.sizes[3] = 0;
  EXPECT(BATCH(&good_source, channels, &out), INVALID_ARGUMENT, "empty samples");

  EXPECT(scorecam_set_max_isa("sse9"), BAD_ISA, "\"sse9\"");
  EXPECT(scorecam_set_max_isa("scalar"), OK, "");
  TRUE(strcmp(scorecam_active_isa(), "scalar") == 0);
  EXPECT(scorecam_set_max_isa(NULL), OK, "");
  TRUE(strcmp(scorecam_active_isa(), "scalar") != 0);

  void *ours = NULL;
  EXPECT(scorecam_tensor_memory("libtorch_cpu.so", &ours, NULL), INVALID_ARGUMENT, "ours is null");
  EXPECT(scorecam_try_tensor_memory("libtorch_cpu.so"), NOT_APPLICABLE, "no allocator was made");
  EXPECT(scorecam_use_huge_pages(), NOT_APPLICABLE, "");
  scorecam_release_tensor_memory();
#ifdef __GLIBC__
  EXPECT(scorecam_exit_at_once_while(NULL), OK, "");
#else
  EXPECT(scorecam_exit_at_once_while(NULL), NOT_APPLICABLE, "");
#endif
  EXPECT(scorecam_tensor_memory("libtorch_cpu.so", NULL, &ours), INVALID_ARGUMENT, "theirs is null");
  EXPECT(scorecam_tensor_memory("libtorch_cpu.so", &ours, &ours), NOT_APPLICABLE, "");
  return failures == 0 ? 0 : 1;
}
