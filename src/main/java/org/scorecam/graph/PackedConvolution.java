package org.scorecam.graph;

import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.kernel.Winograd;

/** A convolution by our Winograd kernel where that is faster, else by oneDNN. */
public final class PackedConvolution implements PackedLayer {
  /** oneDNN's, which LibTorch names so. */
  public static final String OPERATOR = "mkldnn::_convolution_pointwise";

  /** Below this the transforms cost more than the multiplications that they save. */
  private static final long WINOGRAD_CHANNELS = 32;

  private final Tensor weight;
  private final Tensor bias;
  private final ConvolutionGeometry geometry;
  private final List<Long> inputSize;

  /**
   * A convolution that is still to be packed. It can be used as long as its tensors can.
   *
   * @param weight [O, I / groups, kh, kw] on the CPU
   * @param bias [O], of the weight's dtype; undefined if there is none
   * @param geometry where the filter goes
   * @param inputSize of what it will mostly be given, [N, I, H, W]; empty if that is not known, or
   *     it has another rank
   */
  public PackedConvolution(
      Tensor weight, Tensor bias, ConvolutionGeometry geometry, List<Long> inputSize) {
    this.weight = weight;
    this.bias = bias;
    this.geometry = geometry;
    this.inputSize = inputSize.size() == weight.dim() ? List.copyOf(inputSize) : List.of();
  }

  /** One that our Winograd kernel does not know would keep the convolution from it. */
  @Override
  public boolean takesIn(Activation activation, boolean residual) {
    return switch (activation) {
      case NONE, RELU -> true;
      case RELU6 -> !residual;
      case HARDSIGMOID -> false;
      default -> !residual && !isForWinograd(Activation.NONE);
    };
  }

  @Override
  public OperatorCall operator(boolean residual, Activation activation) {
    return isForWinograd(activation)
        ? winograd(residual, activation)
        : oneDnn(residual, activation);
  }

  /** [O, I / groups, kh, kw]. */
  Tensor weight() {
    return weight;
  }

  /** [O]; undefined if there is none. */
  Tensor bias() {
    return bias;
  }

  ConvolutionGeometry geometry() {
    return geometry;
  }

  /** [N, I, H, W]; empty if it is not known. */
  List<Long> inputSize() {
    return inputSize;
  }

  long inputs() {
    return weight.size(1) * geometry.groups();
  }

  long outputs() {
    return weight.size(0);
  }

  /** Whether each output, in float32, is made of one place, and there is one for each place. */
  boolean isPointwise() {
    return weight.scalar_type().intern() == ScalarType.Float
        && weight.size(2) == 1
        && weight.size(3) == 1
        && geometry.isDense()
        && geometry.isPaddedBy(0);
  }

  /**
   * The convolution without packing anything, on any device. Needs an open scope.
   *
   * @return LibTorch's own operator, ready to be called with x [N, I, H, W]; owned by the caller
   */
  public OperatorCall plain() {
    OperatorCall call = new OperatorCall("aten::conv2d", "").open().with(weight);
    return (bias.defined() ? call.with(bias) : call.withNone())
        .withList(geometry.stride())
        .withList(geometry.padding())
        .withList(geometry.dilation())
        .with(geometry.groups());
  }

  private boolean isForWinograd(Activation activation) {
    return weight.scalar_type().intern() == ScalarType.Float
        && weight.size(2) == 3
        && weight.size(3) == 3
        && Math.min(weight.size(0), weight.size(1)) >= WINOGRAD_CHANNELS
        && geometry.isDense()
        && geometry.isEvenlyPadded()
        && geometry.padding().get(0) <= 1
        && (activation == Activation.NONE || activation == Activation.RELU)
        && Winograd.isAvailable();
  }

  private OperatorCall winograd(boolean residual, Activation activation) {
    Tensor packed = Winograd.pack(weight);
    OperatorCall call =
        new OperatorCall(residual ? Winograd.RESIDUAL_OPERATOR : Winograd.OPERATOR, "").open();
    if (residual) {
      call.open();
    }
    return call.with(packed)
        .with(bias.defined() ? bias.contiguous() : torch.zeros(weight.size(0)))
        .with(geometry.padding().get(0))
        .with(activation == Activation.RELU);
  }

  private OperatorCall oneDnn(boolean residual, Activation activation) {
    Tensor packed;
    try (OperatorCall reorder = new OperatorCall("mkldnn::_reorder_convolution_weight", "")) {
      reorder
          .with(weight.contiguous(MemoryFormat.ChannelsLast))
          .withList(geometry.padding())
          .withList(geometry.stride())
          .withList(geometry.dilation())
          .with(geometry.groups());
      packed = (inputSize.isEmpty() ? reorder.withNone() : reorder.withList(inputSize)).call();
    }
    OperatorCall call = new OperatorCall(OPERATOR, residual ? "binary" : "").open();
    if (residual) {
      call.open();
    }
    call.with(packed)
        .with(bias.defined() ? new IValue(bias) : new IValue())
        .withList(geometry.padding())
        .withList(geometry.stride())
        .withList(geometry.dilation())
        .with(geometry.groups());
    if (residual) {
      return (activation == Activation.NONE
              ? call.with("add").withNone().withNone()
              : call.with("add").withNone().with(activation.oneDnnName()))
          .withList(activation.oneDnnNumbers())
          .withNone();
    }
    return activation.addTo(call);
  }
}
