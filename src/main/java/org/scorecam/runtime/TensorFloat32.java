package org.scorecam.runtime;

import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * Whether CUDA devices may round the factors of float32 products to TF32's 10 bits of mantissa.
 *
 * <p>LibTorch keeps this for the whole process, so that scorers of different precision that run at
 * the same moment in several threads get the one or the other. It is off but while one of these is
 * open.
 */
public final class TensorFloat32 implements AutoCloseable {
  private static final TensorFloat32 UNCHANGED = new TensorFloat32();

  /** How many are open. */
  private static int allowing;

  private TensorFloat32() {}

  /**
   * Allows it until the result is closed, or leaves all as it is.
   *
   * @param allowed whether to allow it
   * @return to be closed
   */
  public static TensorFloat32 allowed(boolean allowed) {
    if (!allowed) {
      return UNCHANGED;
    }
    synchronized (TensorFloat32.class) {
      allowing++;
      set(true);
    }
    return new TensorFloat32();
  }

  /** Sets LibTorch's switches for convolutions and for matrix products. */
  static void set(boolean allowed) {
    Context context = torch.globalContext();
    context.setAllowTF32CuDNN(allowed);
    context.setAllowTF32CuBLAS(allowed);
  }

  @Override
  public void close() {
    if (this != UNCHANGED) {
      synchronized (TensorFloat32.class) {
        allowing--;
        set(allowing > 0);
      }
    }
  }
}
