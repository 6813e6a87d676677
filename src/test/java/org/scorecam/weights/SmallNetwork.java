package org.scorecam.weights;

import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.BatchNormOptions;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.SequentialImpl;

/** The network of {@code make_weights.py}, with torch::nn's modules. */
final class SmallNetwork extends Module {
  /** The names, in the order of PyTorch's state dict. */
  static final String[] NAMES = {
    "conv.weight",
    "conv.bias",
    "bn.weight",
    "bn.bias",
    "bn.running_mean",
    "bn.running_var",
    "bn.num_batches_tracked",
    "head.1.weight",
    "head.1.bias"
  };

  SmallNetwork() {
    this(2);
  }

  SmallNetwork(int classes) {
    super("Small");
    register_module("conv", new Conv2dImpl(new Conv2dOptions(3, 4, new LongPointer(3, 3))));
    register_module("bn", new BatchNorm2dImpl(new BatchNormOptions(4)));
    SequentialImpl head = new SequentialImpl();
    head.push_back(new ReLUImpl());
    head.push_back(new LinearImpl(4, classes));
    register_module("head", head);
  }

  /** Element j of the i-th tensor, as {@code make_weights.py} computes it. */
  static float value(int tensor, long element) {
    return ((7 * element + 13L * tensor) % 101 - 50) / 64f;
  }
}
