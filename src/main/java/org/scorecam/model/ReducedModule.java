package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.OperatorCall;
import org.scorecam.graph.StandIn;

/** Linear layers and norms with their parameters in another precision. */
final class ReducedModule {
  private ReducedModule() {}

  /** y = x·Wᵀ + b; needs an open scope, which the result outlives. */
  static StandIn of(LinearImpl linear, ScalarType dtype) {
    OperatorCall call = new OperatorCall("aten::linear", "").open();
    call.with(linear.weight().to(dtype));
    return withOptional(call, linear.bias(), dtype);
  }

  /** y = (x − μ) / √(σ² + ε) · γ + β; needs an open scope, which the result outlives. */
  static StandIn of(BatchNorm2dImpl norm, ScalarType dtype) {
    OperatorCall call = new OperatorCall("aten::batch_norm", "").open();
    List<Tensor> parameters = new ArrayList<>();
    parameters.add(norm.weight());
    parameters.add(norm.bias());
    parameters.add(norm.running_mean());
    parameters.add(norm.running_var());
    parameters.forEach(parameter -> withOptional(call, parameter, dtype));
    return call.with(false).with(0.0).with(norm.options().eps().get()).with(false);
  }

  /** Over the last dimensions: y = (x − mean) / √(variance + ε) · γ + β; needs an open scope. */
  static StandIn of(LayerNormImpl norm, ScalarType dtype) {
    OperatorCall call = new OperatorCall("aten::layer_norm", "").open();
    List<Long> shape = new ArrayList<>();
    for (long side : norm.options().normalized_shape().get()) {
      shape.add(side);
    }
    call.withList(shape);
    withOptional(call, norm.weight(), dtype);
    withOptional(call, norm.bias(), dtype);
    return call.with(norm.options().eps().get()).with(true);
  }

  private static OperatorCall withOptional(OperatorCall call, Tensor tensor, ScalarType dtype) {
    return tensor.defined() ? call.with(tensor.to(dtype)) : call.withNone();
  }
}
