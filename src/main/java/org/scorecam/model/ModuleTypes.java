package org.scorecam.model;

import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.scorecam.nn.Submodule;

/** What a module is, of the kinds that scorers prepare. Needs an open scope. */
final class ModuleTypes {
  private ModuleTypes() {}

  static boolean isConvolution(Submodule module) {
    Conv2dImpl convolution = module.module().asConv2d();
    return convolution != null && !convolution.isNull() && FoldedConvolution.fits(convolution);
  }

  static boolean isBatchNorm(Submodule module) {
    BatchNorm2dImpl batchNorm = module.module().asBatchNorm2d();
    return batchNorm != null && !batchNorm.isNull();
  }

  static boolean isLayerNorm(Submodule module) {
    LayerNormImpl layerNorm = module.module().asLayerNorm();
    return layerNorm != null && !layerNorm.isNull();
  }

  static boolean isLinear(Submodule module) {
    LinearImpl linear = module.module().asLinear();
    return linear != null && !linear.isNull();
  }
}
