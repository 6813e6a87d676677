package org.scorecam.zoo;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.zip.CRC32;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** The values of {@code zoo_reference.py}, to the last bit. */
public final class ZooFormula {
  private static final int BLOCK = 1 << 16;

  private ZooFormula() {}

  /**
   * Fills every parameter and buffer but counts of batches and places.
   *
   * @param gain a factor of the norms' weights
   */
  public static void fill(Module network, double gain) {
    try (NativeScope scope = NativeScope.open()) {
      fill(network.named_parameters(), gain);
      fill(network.named_buffers(), gain);
    }
  }

  private static void fill(StringTensorDict tensors, double gain) {
    for (long i = 0; i < tensors.size(); i++) {
      Tensor tensor = tensors.get(i).value();
      String name = tensors.get(i).key().getString();
      // The distances in Swin V2's windows are no weights.
      if (tensor.is_floating_point() && !name.endsWith("relative_coords_table")) {
        fill(name, tensor, gain);
      }
    }
  }

  private static void fill(String name, Tensor tensor, double gain) {
    float low = -0.05f;
    float high = 0.05f;
    long count = tensor.numel();
    if (tensor.dim() > 1) {
      high = (float) Math.sqrt(6.0 / ((double) count / tensor.size(0)));
      low = -high;
    } else if (name.endsWith("running_var")) {
      low = 0.75f;
      high = 1.25f;
    } else if (name.endsWith("weight")) {
      low = (float) (0.6 * gain);
      high = (float) (1.1 * gain);
    }
    int seed = seed(name);
    FloatPointer target = new FloatPointer(tensor.data_ptr());
    float[] block = new float[(int) Math.min(count, BLOCK)];
    for (long start = 0; start < count; start += BLOCK) {
      int size = (int) Math.min(BLOCK, count - start);
      for (int i = 0; i < size; i++) {
        block[i] = hashed(seed, (int) start + i) * (high - low) + low;
      }
      target.position(start).put(block, 0, size);
    }
  }

  /** Two pictures [2, 3, side, side], owned by the caller. */
  public static Tensor images(int side) {
    return inputs(side, side);
  }

  /** Two inputs with three channels of these extents, owned by the caller. */
  static Tensor inputs(int... extents) {
    int seed = seed("input.bias");
    long[] shape =
        LongStream.concat(LongStream.of(2, 3), IntStream.of(extents).asLongStream()).toArray();
    float[] values = new float[(int) LongStream.of(shape).reduce(1, Math::multiplyExact)];
    for (int i = 0; i < values.length; i++) {
      float contrast = i < values.length / 2 ? 20 : 40;
      values[i] = (hashed(seed, i) * (0.05f - -0.05f) + -0.05f) * contrast;
    }
    return Tensors.of(values, shape);
  }

  static long crc32(String text) {
    CRC32 crc = new CRC32();
    crc.update(text.getBytes(UTF_8));
    return crc.getValue();
  }

  private static int seed(String name) {
    return (int) crc32(name);
  }

  private static float hashed(int seed, int index) {
    int x = index * 0x9E3779B1 + seed;
    x ^= x >>> 16;
    x *= 0x7FEB352D;
    x ^= x >>> 15;
    x *= 0x846CA68B;
    x ^= x >>> 16;
    return (x >>> 8) * 0x1p-24f;
  }
}
