package org.scorecam.mask;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.kernel.CpuBinding;
import org.scorecam.kernel.Kernels;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Reads the kernels' table of ranges. */
final class KernelFacts {
  private static final int FLAGS = 1;
  private static final int HASH = 2;

  private KernelFacts() {}

  /** The facts of [K, h, w] maps, from the int64 [K, 3] table that {@link Kernels#ranges} made. */
  static ChannelFacts read(Tensor ranges, Tensor activations) {
    long[] table = valuesOf(ranges);
    int channels = table.length / Kernels.RANGE_LONGS;
    BitSet constant = new BitSet(channels);
    BitSet nonFinite = new BitSet(channels);
    Map<Long, Integer> firstWithHash = new HashMap<>();
    int[] firstEqual = new int[channels];
    List<Integer> repeated = new ArrayList<>();
    for (int k = 0; k < channels; k++) {
      int flags = (int) table[k * Kernels.RANGE_LONGS + FLAGS];
      constant.set(k, (flags & CpuBinding.SCORECAM_RANGE_CONSTANT) != 0);
      nonFinite.set(k, (flags & CpuBinding.SCORECAM_RANGE_NON_FINITE) != 0);
      firstEqual[k] = k;
      if (!constant.get(k) && !nonFinite.get(k)) {
        Integer first = firstWithHash.putIfAbsent(table[k * Kernels.RANGE_LONGS + HASH], k);
        if (first != null) {
          firstEqual[k] = first;
          repeated.add(k);
        }
      }
    }
    separateUnequal(firstEqual, repeated, activations);
    return new ChannelFacts(constant, nonFinite, firstEqual);
  }

  /** Equal hashes are a hint: what shares a pass must be equal for certain. */
  private static void separateUnequal(
      int[] firstEqual, List<Integer> repeated, Tensor activations) {
    if (repeated.isEmpty()) {
      return;
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = select(activations, repeated.stream().mapToLong(k -> k).toArray());
      Tensor firsts =
          select(activations, repeated.stream().mapToLong(k -> firstEqual[k]).toArray());
      Tensor equal = Tensors.onHost(maps.eq(firsts).flatten(1, -1).all(1));
      BytePointer isEqual = new BytePointer(equal.data_ptr());
      for (int i = 0; i < repeated.size(); i++) {
        if (isEqual.get(i) == 0) {
          firstEqual[repeated.get(i)] = repeated.get(i);
        }
      }
    }
  }

  private static Tensor select(Tensor activations, long[] channels) {
    return activations.index_select(0, Tensors.indices(channels, activations.device()));
  }

  private static long[] valuesOf(Tensor table) {
    try (NativeScope scope = NativeScope.open()) {
      long[] values = new long[(int) table.numel()];
      new LongPointer(Tensors.onHost(table).data_ptr()).get(values);
      return values;
    }
  }
}
