package org.scorecam.bench;

import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.Layer;
import org.scorecam.model.ModuleModel;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/**
 * The usual count of a network's work: what its convolutions and linear layers multiply and add,
 * those of attention included, but not the products of tokens with tokens.
 */
final class MultiplyAdds {
  /** Of PyTorch's attention: the linear layer that makes queries, keys and values. */
  private static final String IN_PROJECTION = "in_proj_weight";

  private MultiplyAdds() {}

  /**
   * Counts those of a pass: every weight is used once at each place of its layer's output.
   *
   * @param network has run an input
   * @return for one row of inputs as large as the one it ran last
   */
  static long of(ModuleModel network) {
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin()) {
      return network.layers().stream().mapToLong(layer -> of(network, layer)).sum();
    }
  }

  private static long of(ModuleModel network, Layer layer) {
    if (layer.outputShape().isEmpty()) {
      return 0;
    }
    Module module = network.network().submodule(layer.path()).module();
    Conv2dImpl convolution = module.asConv2d();
    LinearImpl linear = module.asLinear();
    long outputs = layer.outputShape().get().stream().reduce(1L, Math::multiplyExact);
    long rows = layer.outputShape().get().get(0);
    Tensor weight;
    if (convolution != null && !convolution.isNull()) {
      weight = convolution.weight(); // [O, I / groups, h, w]
    } else if (linear != null && !linear.isNull()) {
      weight = linear.weight(); // [O, I]
    } else {
      StringTensorDict own = module.named_parameters(false);
      if (!own.contains(IN_PROJECTION)) {
        return 0;
      }
      // [3·K, K], where the layer's output has K values at each place.
      Tensor projection = own.get(IN_PROJECTION);
      return projection.numel() * (outputs / projection.size(1)) / rows;
    }
    return weight.numel() * (outputs / weight.size(0)) / rows;
  }
}
