package org.scorecam.graph;

import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.kernel.InvertedResidualKernel;
import org.scorecam.kernel.InvertedResidualKernel.Block;
import org.scorecam.kernel.InvertedResidualKernel.Weights;
import org.scorecam.kernel.Winograd;

/**
 * Convolutions of which each is given what the one before puts out, as one operator: those of an
 * inverted residual, which widens, filters each channel by itself, and narrows again (Sandler et
 * al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018):
 *
 * <p>y = P g + p (+ x) with g = a(D ∗ h + d) and h = a(E x + e)
 *
 * <p>or without E, or without P. With P there may be {@linkplain SqueezeExcitation squeeze and
 * excitation} of g. The many channels of h are never stored as a whole.
 */
public final class InvertedResidual {
  /** How many convolutions there may be. */
  public static final int MOST_STEPS = 3;

  /**
   * A convolution, and what is done with its output before the next one: the activation, then
   * squeeze and excitation, null if there is none.
   */
  public record Step(
      PackedConvolution convolution, Activation activation, SqueezeExcitation squeeze) {}

  /** Null if there is none. */
  private final Step expand;

  private final Step filter;

  /** Null if there is none. */
  private final Step project;

  private InvertedResidual(Step expand, Step filter, Step project) {
    this.expand = expand;
    this.filter = filter;
    this.project = project;
  }

  /**
   * Finds the longest inverted residual that successive convolutions begin with. Needs an open
   * scope.
   *
   * @param steps one after the other, each of them the only one that is given what the one before
   *     puts out
   * @param suits what else it must be
   * @return nothing if there is none, or if our library has no operator for it
   */
  public static Optional<InvertedResidual> startOf(
      List<Step> steps, Predicate<InvertedResidual> suits) {
    if (!Winograd.isAvailable()) {
      return Optional.empty();
    }
    for (int size = Math.min(MOST_STEPS, steps.size()); size > 1; size--) {
      Optional<InvertedResidual> found = of(steps.subList(0, size)).filter(suits);
      if (found.isPresent()) {
        return found;
      }
    }
    return Optional.empty();
  }

  private static Optional<InvertedResidual> of(List<Step> steps) {
    boolean expands = steps.get(0).convolution.isPointwise();
    Step filter = steps.get(expands ? 1 : 0);
    List<Step> rest = steps.subList(expands ? 2 : 1, steps.size());
    boolean fits =
        isDepthwise(filter)
            && filter.activation != Activation.NONE
            && filter.activation.kernelCode() >= 0
            && (!expands || steps.get(0).activation == filter.activation)
            && (!expands || steps.get(0).squeeze == null)
            && rest.size() <= 1
            && rest.stream().allMatch(InvertedResidual::isProjection)
            && (rest.isEmpty()
                || filter.squeeze == null
                || filter.squeeze.fits(filter.convolution.outputs()));
    return fits
        ? Optional.of(
            new InvertedResidual(
                expands ? steps.get(0) : null, filter, rest.isEmpty() ? null : rest.get(0)))
        : Optional.empty();
  }

  private static boolean isProjection(Step step) {
    return step.activation == Activation.NONE && step.convolution.isPointwise();
  }

  private static boolean isDepthwise(Step step) {
    Tensor weight = step.convolution.weight();
    long side = weight.size(2);
    return weight.scalar_type().intern() == ScalarType.Float
        && (side == 3 || side == 5)
        && weight.size(3) == side
        && weight.size(1) == 1
        && step.convolution.geometry().isDepthwise(weight.size(0))
        && step.convolution.geometry().isPaddedBy(side / 2);
  }

  /**
   * How many of the steps it takes.
   *
   * @return 2 or 3
   */
  public int size() {
    return (expand == null ? 1 : 2) + (project == null ? 0 : 1);
  }

  /** Whether x has the shape of y. */
  boolean canAddInput() {
    return project != null
        && stride() == 1
        && (expand == null ? filter : expand).convolution.inputs() == project.convolution.outputs();
  }

  private long stride() {
    return filter.convolution.geometry().stride().get(0);
  }

  /**
   * Packs the weights. Needs an open scope.
   *
   * @param addsInput whether x is added
   * @return the operator, ready to be called with x [N, I, H, W]; owned by the caller
   */
  public OperatorCall operator(boolean addsInput) {
    Tensor filters = filter.convolution.weight();
    SqueezeExcitation squeeze = project == null ? null : filter.squeeze;
    Tensor packed =
        InvertedResidualKernel.pack(
            new Block(
                weightsOf(expand),
                weightsOf(filter),
                squeeze == null ? null : weightsOf(squeeze.squeeze()),
                squeeze == null ? null : weightsOf(squeeze.excite()),
                weightsOf(project)));
    return new OperatorCall(InvertedResidualKernel.OPERATOR, "")
        .open()
        .with(packed)
        .with(filters.size(0))
        .with(squeeze == null ? 0 : squeeze.squeeze().outputs())
        .with(project == null ? 0 : project.convolution.outputs())
        .with(filters.size(2))
        .with(stride())
        .with((long) filter.activation.kernelCode())
        .with((long) (squeeze == null ? Activation.NONE : squeeze.activation()).kernelCode())
        .with((long) (squeeze == null ? Activation.NONE : squeeze.gate()).kernelCode())
        .with(expand != null)
        .with(addsInput);
  }

  private static Weights weightsOf(Step step) {
    return step == null ? null : weightsOf(step.convolution);
  }

  private static Weights weightsOf(PackedConvolution convolution) {
    return new Weights(convolution.weight(), convolution.bias());
  }
}
