package org.scorecam.mask;

import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.kernel.Kernels;

/**
 * Chooses between the two maskers.
 *
 * <p>Our own kernels are taken where they load; where they do not, LibTorch's operations are, with
 * a warning. {@code -Dscorecam.masker=kernel} and {@code =tensor} demand one of them.
 */
public final class Maskers {
  /** System property: {@code kernel} or {@code tensor}. */
  public static final String SETTING = "scorecam.masker";

  private static final System.Logger LOG = System.getLogger(Maskers.class.getName());

  private static Masker automatic;

  private Maskers() {}

  /**
   * The masker for this process.
   *
   * @return the one that is set, or the fastest there is
   * @throws NativeLibraryException if the kernels are demanded and cannot be loaded, with what was
   *     tried; or if {@code SCORECAM_MAX_ISA} names no instruction set of this machine's
   *     architecture
   * @throws IllegalArgumentException if the property has another value
   */
  public static Masker preferred() {
    String setting = System.getProperty(SETTING);
    if (setting == null) {
      return automatic();
    }
    return switch (setting) {
      case "kernel" -> new KernelMasker();
      case "tensor" -> new TensorMasker();
      default ->
          throw new IllegalArgumentException(
              "-D%s is kernel or tensor, not '%s'".formatted(SETTING, setting));
    };
  }

  /** Chosen, and warned of, once. */
  private static synchronized Masker automatic() {
    if (automatic == null) {
      try {
        Kernels.cpu();
      } catch (NativeLibraryException e) {
        warn(e);
        automatic = new TensorMasker();
        return automatic;
      }
      // Not among what is warned of: a cap on the instruction set that does not exist.
      automatic = new WhereThereAreKernels();
    }
    return automatic;
  }

  private static void warn(NativeLibraryException e) {
    LOG.log(
        System.Logger.Level.WARNING,
        "masks are made by LibTorch's operations, which is slower: " + e.getMessage());
  }

  /** Our kernels; for an image on a device that they were not built for, LibTorch's operations. */
  private static final class WhereThereAreKernels implements Masker {
    private final Masker kernels = new KernelMasker();
    private Masker onCuda;

    @Override
    public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
      return (image.is_cuda() ? onCuda() : kernels).prepare(activations, image, rule);
    }

    private synchronized Masker onCuda() {
      if (onCuda == null) {
        try {
          Kernels.cuda();
          onCuda = kernels;
        } catch (NativeLibraryException e) {
          warn(e);
          onCuda = new TensorMasker();
        }
      }
      return onCuda;
    }

    @Override
    public String description() {
      return kernels.description();
    }
  }
}
