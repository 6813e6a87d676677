package org.scorecam.demo;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.BoolType;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.global.torch;

/**
 * The demo's network while it is made: a TorchScript module written, trained and saved from Java.
 *
 * <pre>
 * input                                            [N, 3, 128, 128]
 * features.0   conv 5×5 / 2, maximum, norm, ReLU   [N, 16, 32, 32]
 * features.1   conv 3×3, norm, ReLU                [N, 32, 32, 32]
 * features.2   conv 3×3, maximum, norm, ReLU       [N, 64, 16, 16]
 * features.3   conv 3×3, maximum, norm, ReLU       [N, 96, 8, 8]
 * features.4   conv 3×3, norm, ReLU                [N, 96, 8, 8]
 * head         conv 1×1, log Σ exp over places     [N, 6]
 * </pre>
 *
 * <p>The head asks at each place whether a kind is there and keeps the strongest answers, so what a
 * kind's score stands on lies where the object is.
 */
final class ShapeNetwork {
  /** K: how many activation maps there are to explain by. */
  private static final int MAPS = 96;

  /** Places of an activation map, at the size of a scene. */
  private static final int PLACES =
      (SceneGenerator.SIZE / Batch.CELL) * (SceneGenerator.SIZE / Batch.CELL);

  private final JitModule root;
  private final JitModule features;
  private final JitModule head;
  private final List<Tensor> parameters = new ArrayList<>();

  /** Makes it, its weights drawn from LibTorch's generator; lives as long as the scope open. */
  ShapeNetwork() {
    features = module("Features");
    List<JitModule> blocks =
        List.of(
            block(0, 3, 16, 5, 2, true),
            block(1, 16, 32, 3, 1, false),
            block(2, 32, 64, 3, 1, true),
            block(3, 64, 96, 3, 1, true),
            block(4, 96, MAPS, 3, 1, false));
    StringBuilder calls = new StringBuilder("def forward(self, x: Tensor) -> Tensor:\n");
    for (int i = 0; i < blocks.size(); i++) {
      features.register_module(Integer.toString(i), blocks.get(i));
      calls.append("  x = getattr(self, \"").append(i).append("\").forward(x)\n");
    }
    features.define(calls.append("  return x\n").toString());

    head = head();
    root = module("ShapeNetwork");
    root.register_module("features", features);
    root.register_module("head", head);
    root.define(
        """
        def forward(self, x: Tensor) -> Tensor:
          return self.head.forward(self.features.forward(x))
        """);
  }

  /** The activation maps of the last block, [N, K, H / 16, W / 16]. */
  Tensor features(Tensor pictures) {
    return call(features, pictures);
  }

  /** The six scores before the sigmoid, [N, 6], from the activation maps. */
  Tensor scores(Tensor maps) {
    return call(head, maps);
  }

  TensorVector parameters() {
    return new TensorVector(parameters.toArray(Tensor[]::new));
  }

  /** Whether norms use a batch's own statistics, and learn from them. */
  void train(boolean on) {
    root.train(on);
  }

  void save(Path file) {
    root.save(file.toString());
  }

  private JitModule block(int index, int from, int to, int kernel, int stride, boolean maximum) {
    JitModule block = module("Block" + index);
    learn(block, "weight", torch.kaiming_normal_(torch.empty(to, from, kernel, kernel)));
    learn(block, "scale", torch.ones(to));
    learn(block, "shift", torch.zeros(to));
    block.register_buffer("mean", torch.zeros(to));
    block.register_buffer("variance", torch.ones(to));
    block.define(
        """
        def forward(self, x: Tensor) -> Tensor:
          x = torch.conv2d(x, self.weight, None, [%1$d, %1$d], [%2$d, %2$d])
          x = %3$s
          x = torch.batch_norm(x, self.scale, self.shift, self.mean, self.variance,
                               self.training, 0.1, 1e-5, True)
          return torch.relu(x)
        """
            .formatted(stride, kernel / 2, maximum ? "torch.max_pool2d(x, [2, 2])" : "x"));
    return block;
  }

  private JitModule head() {
    JitModule head = module("Head");
    int kinds = ShapeKind.values().length;
    learn(head, "weight", torch.kaiming_normal_(torch.empty(kinds, MAPS, 1, 1)));
    // A picture without evidence scores 0 at first, not the logarithm of its size.
    learn(head, "bias", torch.full(new long[] {kinds}, new Scalar(-Math.log(PLACES))));
    head.define(
        """
        def forward(self, x: Tensor) -> Tensor:
          evidence = torch.conv2d(x, self.weight)
          return torch.logsumexp(evidence, [2, 3]) + self.bias
        """);
    return head;
  }

  private static JitModule module(String name) {
    JitModule module = new JitModule(new QualifiedName(name));
    module.register_attribute("training", new Type.TypePtr(BoolType.get().get()), new IValue(true));
    return module;
  }

  private void learn(JitModule module, String name, Tensor initial) {
    Tensor parameter = initial.requires_grad_(true);
    module.register_parameter(name, parameter, false);
    parameters.add(parameter);
  }

  private static Tensor call(JitModule module, Tensor input) {
    return module.forward(new IValueVector(new IValue(input))).toTensor();
  }
}
