package org.scorecam.model;

import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.NativeScope;

/**
 * Convolutions with the batch norms that follow them folded in.
 *
 * <p>The network itself is not changed: the folded convolutions stand in for its modules while the
 * scorer runs.
 */
final class BatchNormFolding implements Interceptor, AutoCloseable {
  private static final double TOLERANCE = 1e-4;

  /** What stands in for a module: the folded convolution, or nothing for its batch norm. */
  private final Map<Submodule, FoldedConvolution> convolutions = new HashMap<>();

  private final Set<Submodule> foldedAway = new HashSet<>();

  private BatchNormFolding() {}

  /**
   * Finds the pairs in one pass and folds them. Where a second pass gives another output, as it
   * does if something else reads a convolution's output, nothing is folded.
   *
   * @param sample an input [1, C, H, W]
   * @param memoryFormat of the folded weights
   */
  static BatchNormFolding of(Network network, Tensor sample, MemoryFormat memoryFormat) {
    try (NativeScope scope = NativeScope.open()) {
      Map<Submodule, Submodule> pairs = new HashMap<>();
      Tensor plain = pairing(pairs).during(() -> network.call(sample));
      BatchNormFolding folding = new BatchNormFolding();
      pairs.forEach(
          (batchNorm, convolution) -> {
            folding.foldedAway.add(batchNorm);
            folding.convolutions.put(
                convolution,
                FoldedConvolution.of(
                    convolution.module().asConv2d(),
                    batchNorm.module().asBatchNorm2d(),
                    memoryFormat));
          });
      Tensor folded = folding.during(() -> network.call(sample));
      Tensor error = folded.sub(plain).abs().max();
      Tensor range = plain.max().sub(plain.min());
      if (!(error.item_double() <= TOLERANCE * range.item_double())) {
        folding.close();
      }
      return folding;
    }
  }

  /** Notes each batch norm whose input is the very tensor that a convolution just put out. */
  private static Interceptor pairing(Map<Submodule, Submodule> pairs) {
    // By identity: the very object that one module returned and the next was given.
    IdentityHashMap<Tensor, Submodule> producers = new IdentityHashMap<>();
    Map<Submodule, Integer> calls = new HashMap<>();
    return (module, input, forward) -> {
      Submodule producer = producers.get(input);
      Tensor output = forward.apply(input);
      if (isConvolution(module)) {
        producers.put(output, module);
      }
      boolean onlyCall = calls.merge(module, 1, Integer::sum) == 1;
      if (producer != null && isBatchNorm(module) && onlyCall && calls.get(producer) == 1) {
        pairs.put(module, producer);
      } else {
        pairs.remove(module);
        pairs.values().removeIf(module::equals);
      }
      return output;
    };
  }

  private static boolean isConvolution(Submodule module) {
    Conv2dImpl convolution = module.module().asConv2d();
    return convolution != null && !convolution.isNull() && FoldedConvolution.fits(convolution);
  }

  private static boolean isBatchNorm(Submodule module) {
    BatchNorm2dImpl batchNorm = module.module().asBatchNorm2d();
    return batchNorm != null && !batchNorm.isNull();
  }

  @Override
  public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
    FoldedConvolution convolution = convolutions.get(module);
    if (convolution != null) {
      return convolution.forward(input);
    }
    return foldedAway.contains(module) ? input : forward.apply(input);
  }

  @Override
  public void close() {
    convolutions.values().forEach(FoldedConvolution::close);
    convolutions.clear();
    foldedAway.clear();
  }
}
