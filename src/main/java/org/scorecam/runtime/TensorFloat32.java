package org.scorecam.runtime;

import java.util.Locale;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch.Float32Backend;
import org.bytedeco.pytorch.global.torch.Float32MatmulPrecision;
import org.bytedeco.pytorch.global.torch.Float32Op;
import org.bytedeco.pytorch.global.torch.Float32Precision;

/**
 * Whether CUDA devices may round the factors of float32 products to TF32's 10 bits of mantissa.
 *
 * <p>LibTorch has an older flag and a newer one for each kind of operation, and its older functions
 * throw where the two disagree. So both are read, and written together.
 */
final class TensorFloat32 {
  private TensorFloat32() {}

  /**
   * Of cuDNN's operations.
   *
   * @param flag the older one for both; null where it cannot be told
   */
  record Convolutions(Boolean flag, Float32Precision convolution, Float32Precision recurrent) {
    static Convolutions read(Context context) {
      return new Convolutions(
          orNull(context::allowTF32CuDNN),
          precision(context, Float32Backend.CUDA, Float32Op.CONV),
          precision(context, Float32Backend.CUDA, Float32Op.RNN));
    }

    void write(Context context) {
      if (flag != null) {
        context.setAllowTF32CuDNN(flag);
      }
      context.setFloat32Precision(Float32Backend.CUDA, Float32Op.CONV, convolution);
      context.setFloat32Precision(Float32Backend.CUDA, Float32Op.RNN, recurrent);
    }

    Convolutions allowing(boolean tf32) {
      if ((convolution == Float32Precision.TF32) == tf32) {
        return this;
      }
      Float32Precision wanted = tf32 ? Float32Precision.TF32 : Float32Precision.IEEE;
      return new Convolutions(flag == null ? null : tf32, wanted, wanted);
    }
  }

  /**
   * Of matrix products, where the older flag is one for all devices.
   *
   * @param flag the older one; null where it cannot be told
   */
  record Products(Float32MatmulPrecision flag, Float32Precision cuda, Float32Precision cpu) {
    static Products read(Context context) {
      Float32MatmulPrecision flag = orNull(context::float32MatmulPrecision);
      return new Products(
          flag == null ? null : flag.intern(),
          precision(context, Float32Backend.CUDA, Float32Op.MATMUL),
          precision(context, Float32Backend.MKLDNN, Float32Op.MATMUL));
    }

    void write(Context context) {
      if (flag != null) {
        context.setFloat32MatmulPrecision(flag.name().toLowerCase(Locale.ROOT));
      }
      context.setFloat32Precision(Float32Backend.CUDA, Float32Op.MATMUL, cuda);
      context.setFloat32Precision(Float32Backend.MKLDNN, Float32Op.MATMUL, cpu);
    }

    Products allowing(boolean tf32) {
      if ((cuda == Float32Precision.TF32) == tf32) {
        return this;
      }
      if (tf32) {
        return new Products(
            flag == null ? null : Float32MatmulPrecision.HIGH, Float32Precision.TF32, cpu);
      }
      return flag == null
          ? new Products(null, Float32Precision.IEEE, cpu)
          // The highest of the older flag is exact on the CPU as well.
          : new Products(
              Float32MatmulPrecision.HIGHEST, Float32Precision.IEEE, Float32Precision.IEEE);
    }
  }

  private static Float32Precision precision(Context context, Float32Backend of, Float32Op op) {
    return context.float32Precision(of, op).intern();
  }

  private static <T> T orNull(Supplier<T> reading) {
    try {
      return reading.get();
    } catch (RuntimeException e) {
      return null;
    }
  }
}
