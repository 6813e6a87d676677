package org.scorecam.mask;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.kernel.CpuBinding;
import org.scorecam.kernel.Kernels;
import org.scorecam.kernel.Masking;
import org.scorecam.model.Stem;
import org.scorecam.runtime.NativeScope;

/**
 * Makes masked inputs with our own kernels: one pass that reads the small map and the image and
 * writes the chunk in the scorer's dtype and layout, on the CPU and on CUDA devices.
 */
public final class KernelMasker implements Masker {
  private final Kernels cpu;

  /**
   * Loads the kernels for the CPU; those for CUDA are loaded for the first image on such a device.
   *
   * @throws org.scorecam.error.NativeLibraryException if they cannot be loaded or do not fit this
   *     jar, or if {@code SCORECAM_MAX_ISA} names no instruction set of this machine's architecture
   */
  public KernelMasker() {
    cpu = Kernels.cpu();
    // A cap that does not exist must not wait for the first image to be found.
    cpu.description();
  }

  /**
   * {@inheritDoc} The kernels are for pictures; a series or a volume is masked by LibTorch's
   * operations, as {@link TensorMasker} does.
   *
   * @throws org.scorecam.error.NativeLibraryException if the maps are on a CUDA device and this
   *     build has no kernels for it
   */
  @Override
  public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
    if (image.dim() != 3) {
      return new TensorMasker().prepare(activations, image, rule);
    }
    Kernels kernels = image.is_cuda() ? Kernels.cuda() : cpu;
    try (NativeScope scope = NativeScope.open()) {
      Tensor ranges = kernels.ranges(activations, image.size(1), image.size(2), maskingFor(rule));
      return new KernelMasks(kernels, activations, image, ranges, rule);
    }
  }

  @Override
  public String description() {
    return "own kernels (" + cpu.description() + ")";
  }

  /** A new native object, of the scope that is open. */
  static Masking maskingFor(MaskRule rule) {
    int upsampling =
        switch (rule.upsampling()) {
          case NEAREST -> CpuBinding.SCORECAM_UPSAMPLING_NEAREST;
          case BILINEAR -> CpuBinding.SCORECAM_UPSAMPLING_BILINEAR;
          case BILINEAR_ALIGNED -> CpuBinding.SCORECAM_UPSAMPLING_BILINEAR_ALIGNED;
          case BICUBIC -> CpuBinding.SCORECAM_UPSAMPLING_BICUBIC;
        };
    int normalisation =
        switch (rule.order()) {
          case BEFORE_UPSAMPLING -> CpuBinding.SCORECAM_NORMALISE_BEFORE;
          case AFTER_UPSAMPLING -> CpuBinding.SCORECAM_NORMALISE_AFTER;
        };
    return new Masking()
        .upsampling(upsampling)
        .normalisation(normalisation)
        .epsilon((float) rule.epsilon())
        .reserved(0);
  }

  private record KernelMasks(
      Kernels kernels, Tensor activations, Tensor image, Tensor ranges, MaskRule rule)
      implements Masks {
    @Override
    public ChannelFacts facts() {
      return KernelFacts.read(ranges, activations);
    }

    @Override
    public void write(long[] channels, Tensor rows) {
      try (NativeScope scope = NativeScope.open()) {
        kernels.mask(activations, image, ranges, channels, maskingFor(rule), rows);
      }
    }

    @Override
    public Optional<StemMasks> behind(Stem stem, long passes, long bytes) {
      return image.is_cpu()
          ? StemMasks.of(stem, activations, image, ranges, rule, passes, bytes)
          : Optional.empty();
    }

    @Override
    public void close() {
      ranges.close();
    }
  }
}
