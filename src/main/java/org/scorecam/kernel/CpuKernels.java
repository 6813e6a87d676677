package org.scorecam.kernel;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.NativeScope;

/** libscorecam. */
final class CpuKernels extends Kernels {
  static final Loaded LOADED =
      new Loaded(
          "scorecam",
          CpuBinding.class,
          CpuLibrary::load,
          new CpuKernels(),
          () ->
              requireVersion(
                  "scorecam", CpuBinding.SCORECAM_ABI_VERSION, CpuBinding.scorecam_abi_version()));

  private CpuKernels() {}

  @Override
  public String description() {
    try (NativeScope scope = NativeScope.open()) {
      BytePointer isa = CpuBinding.scorecam_active_isa();
      if (isa == null) {
        check(CpuBinding.SCORECAM_STATUS_BAD_ISA);
      }
      return "scorecam %s, %s"
          .formatted(CpuBinding.scorecam_version().getString(), isa.getString());
    }
  }

  @Override
  boolean serves(Tensor tensor) {
    return tensor.is_cpu();
  }

  @Override
  int channelRange(
      TensorView activations,
      long height,
      long width,
      Masking masking,
      ChannelRange ranges,
      Tensor where) {
    return CpuBinding.scorecam_channel_range(activations, height, width, masking, ranges);
  }

  @Override
  int maskedBatch(
      MaskSource source, long[] channels, Masking masking, TensorView out, Tensor where) {
    return CpuBinding.scorecam_masked_batch(source, channels, masking, out);
  }

  @Override
  BytePointer lastMessage() {
    return CpuBinding.scorecam_last_message();
  }
}
