package org.scorecam.graph;

import java.util.Optional;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A batch norm in evaluation mode: y = (x − μ) / √(σ² + ε) · γ + β, that is s·x + t with
 *
 * <p>s = γ / √(σ² + ε) and t = β − μ·s
 *
 * <p>in float64, [C] each, owned by the scope that was open.
 */
public final class BatchNorm {
  private final Tensor scale;
  private final Tensor shift;

  /** Undefined tensors are γ = 1 and β = 0. */
  private BatchNorm(Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double epsilon) {
    Tensor inverse = inDouble(variance).add(new Scalar(epsilon)).rsqrt();
    scale = gamma.defined() ? inDouble(gamma).mul(inverse) : inverse;
    Tensor centred = inDouble(mean).mul(scale).neg();
    shift = beta.defined() ? centred.add(inDouble(beta)) : centred;
  }

  /**
   * That of a module. Needs an open scope.
   *
   * @param norm has statistics of its own
   * @return the norm
   */
  public static BatchNorm of(BatchNorm2dImpl norm) {
    return new BatchNorm(
        norm.weight(),
        norm.bias(),
        norm.running_mean(),
        norm.running_var(),
        norm.options().eps().get());
  }

  /** That of a graph's node, if it is one in evaluation mode, of constants. Needs an open scope. */
  static Optional<BatchNorm> of(JitNode node) {
    if (!GraphNodes.kindOf(node).equals("aten::batch_norm")) {
      return Optional.empty();
    }
    Optional<Tensor> gamma = GraphNodes.tensorOf(node.input(1));
    Optional<Tensor> beta = GraphNodes.tensorOf(node.input(2));
    Optional<Tensor> mean = GraphNodes.tensorOf(node.input(3)).filter(Tensor::defined);
    Optional<Tensor> variance = GraphNodes.tensorOf(node.input(4)).filter(Tensor::defined);
    boolean trains = GraphNodes.constantOf(node.input(5)).map(IValue::toBool).orElse(true);
    Optional<Double> epsilon =
        GraphNodes.constantOf(node.input(7)).filter(IValue::isDouble).map(IValue::toDouble);
    boolean known =
        gamma.isPresent()
            && beta.isPresent()
            && mean.isPresent()
            && variance.isPresent()
            && epsilon.isPresent();
    return known && !trains
        ? Optional.of(
            new BatchNorm(gamma.get(), beta.get(), mean.get(), variance.get(), epsilon.get()))
        : Optional.empty();
  }

  static Tensor inDouble(Tensor values) {
    return values.to(ScalarType.Double);
  }

  /** s. */
  Tensor scale() {
    return scale;
  }

  /** t. */
  Tensor shift() {
    return shift;
  }

  /**
   * The weights of a convolution before it, with it: W′ = s·W. Needs an open scope.
   *
   * @param weight [O, I / groups, kh, kw] with O = C
   * @return of the same shape, in float64
   */
  public Tensor weightWith(Tensor weight) {
    return inDouble(weight).mul(scale.view(-1, 1, 1, 1));
  }

  /**
   * The bias of a convolution before it, with it: b′ = s·b + t. Needs an open scope.
   *
   * @param bias [C]; undefined for 0
   * @return [C] in float64
   */
  public Tensor biasWith(Tensor bias) {
    return bias.defined() ? inDouble(bias).mul(scale).add(shift) : shift;
  }
}
