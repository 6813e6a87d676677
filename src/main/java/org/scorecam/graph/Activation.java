package org.scorecam.graph;

import java.util.List;
import org.bytedeco.pytorch.GELUImpl;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.Value;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.kernel.CpuBinding;
import org.scorecam.nn.Activations;
import org.scorecam.nn.Submodule;

/** What is done with each element of a layer's output, and can be part of the layer. */
public enum Activation {
  /** y itself. */
  NONE("none"),
  /** max(y, 0). */
  RELU("relu"),
  /** min(max(y, 0), 6). */
  RELU6("hardtanh"),
  /** y · σ(y). */
  SILU("swish"),
  /** y · min(max(y + 3, 0), 6) / 6. */
  HARDSWISH("hardswish"),
  /** 1 / (1 + e⁻ʸ). */
  SIGMOID("sigmoid"),
  /** min(max(y + 3, 0), 6) / 6; LibTorch's operators with oneDNN do not have it. */
  HARDSIGMOID("hardsigmoid"),
  /** y · Φ(y), with the normal distribution itself and not tanh in its place. */
  GELU("gelu");

  private final String oneDnn;

  Activation(String oneDnn) {
    this.oneDnn = oneDnn;
  }

  /**
   * What LibTorch's operators with oneDNN call it.
   *
   * @return such as {@code hardtanh}
   */
  public String oneDnnName() {
    return oneDnn;
  }

  /** Our native library's number; negative if its operators do not know the activation. */
  int kernelCode() {
    return switch (this) {
      case NONE -> CpuBinding.SCORECAM_ACTIVATION_NONE;
      case RELU -> CpuBinding.SCORECAM_ACTIVATION_RELU;
      case RELU6 -> CpuBinding.SCORECAM_ACTIVATION_RELU6;
      case SILU -> CpuBinding.SCORECAM_ACTIVATION_SILU;
      case HARDSWISH -> CpuBinding.SCORECAM_ACTIVATION_HARDSWISH;
      case SIGMOID -> CpuBinding.SCORECAM_ACTIVATION_SIGMOID;
      case HARDSIGMOID -> CpuBinding.SCORECAM_ACTIVATION_HARDSIGMOID;
      case GELU -> -1;
    };
  }

  /** Its numbers for oneDNN. */
  List<Double> oneDnnNumbers() {
    return this == RELU6 ? List.of(0.0, 6.0) : List.of();
  }

  /** Adds it to a call of one of those operators: its name, its numbers, and the kind of GELU. */
  OperatorCall addTo(OperatorCall call) {
    call.with(oneDnn).withList(oneDnnNumbers());
    return this == GELU ? call.with("none") : call.withNone();
  }

  /** That of a graph's node; {@link #NONE} if it does anything else. Needs an open scope. */
  static Activation of(JitNode node) {
    return switch (GraphNodes.kindOf(node)) {
      case "aten::relu", "aten::relu_" -> RELU;
      case "aten::relu6", "aten::relu6_" -> RELU6;
      case "aten::hardtanh", "aten::hardtanh_" ->
          isNumber(node.input(1), 0) && isNumber(node.input(2), 6) ? RELU6 : NONE;
      case "aten::silu", "aten::silu_" -> SILU;
      case "aten::hardswish", "aten::hardswish_" -> HARDSWISH;
      case "aten::sigmoid", "aten::sigmoid_" -> SIGMOID;
      case "aten::hardsigmoid", "aten::hardsigmoid_" -> HARDSIGMOID;
      case "aten::gelu", "aten::gelu_" ->
          GraphNodes.constantOf(node.input(1))
              .filter(word -> word.toStringRef().getString().equals("none"))
              .map(word -> GELU)
              .orElse(NONE);
      default -> NONE;
    };
  }

  private static boolean isNumber(Value value, double number) {
    return GraphNodes.constantOf(value)
        .filter(v -> v.isDouble() ? v.toDouble() == number : v.isInt() && v.toInt() == number)
        .isPresent();
  }

  /**
   * That of a module. Needs an open scope.
   *
   * @param submodule any module
   * @return the activation; {@link #NONE} if the module does anything else
   */
  public static Activation of(Submodule submodule) {
    Module module = submodule.module();
    if (module instanceof Activations.SiLU || isThere(module.asSiLU())) {
      return SILU;
    }
    if (module instanceof Activations.Hardswish) {
      return HARDSWISH;
    }
    if (module instanceof Activations.Hardsigmoid) {
      return HARDSIGMOID;
    }
    if (isThere(module.asReLU())) {
      return RELU;
    }
    if (isThere(module.asReLU6())) {
      return RELU6;
    }
    if (isThere(module.asSigmoid())) {
      return SIGMOID;
    }
    GELUImpl gelu = module.asGELU();
    return isThere(gelu) && gelu.options().approximate().getString().equals("none") ? GELU : NONE;
  }

  private static boolean isThere(Module module) {
    return module != null && !module.isNull();
  }

  /**
   * Applies it in place. Needs an open scope.
   *
   * @param y a floating-point tensor of any shape
   * @return y itself: what some of these operators return are other objects, which do not own it
   */
  public Tensor applyTo(Tensor y) {
    switch (this) {
      case NONE -> {}
      case RELU -> y.relu_();
      case RELU6 -> torch.relu6_(y);
      case SILU -> torch.silu_(y);
      case HARDSWISH -> torch.hardswish_(y);
      case SIGMOID -> y.sigmoid_();
      case HARDSIGMOID -> torch.hardsigmoid_(y);
      case GELU -> torch.gelu_(y);
    }
    return y;
  }
}
