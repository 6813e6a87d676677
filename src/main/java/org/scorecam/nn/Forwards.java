package org.scorecam.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AdaptiveAvgPool2dImpl;
import org.bytedeco.pytorch.AdaptiveMaxPool2dImpl;
import org.bytedeco.pytorch.AvgPool2dImpl;
import org.bytedeco.pytorch.BatchNorm1dImpl;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.BatchNorm3dImpl;
import org.bytedeco.pytorch.Conv1dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv3dImpl;
import org.bytedeco.pytorch.ConvTranspose2dImpl;
import org.bytedeco.pytorch.Dropout2dImpl;
import org.bytedeco.pytorch.DropoutImpl;
import org.bytedeco.pytorch.ELUImpl;
import org.bytedeco.pytorch.FlattenImpl;
import org.bytedeco.pytorch.GELUImpl;
import org.bytedeco.pytorch.GroupNormImpl;
import org.bytedeco.pytorch.HardtanhImpl;
import org.bytedeco.pytorch.IdentityImpl;
import org.bytedeco.pytorch.InstanceNorm2dImpl;
import org.bytedeco.pytorch.LayerNormImpl;
import org.bytedeco.pytorch.LeakyReLUImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.LocalResponseNormImpl;
import org.bytedeco.pytorch.LogSoftmaxImpl;
import org.bytedeco.pytorch.MaxPool2dImpl;
import org.bytedeco.pytorch.MishImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.PReLUImpl;
import org.bytedeco.pytorch.PixelShuffleImpl;
import org.bytedeco.pytorch.ReLU6Impl;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.ReflectionPad2dImpl;
import org.bytedeco.pytorch.SELUImpl;
import org.bytedeco.pytorch.SiLUImpl;
import org.bytedeco.pytorch.SigmoidImpl;
import org.bytedeco.pytorch.SoftmaxImpl;
import org.bytedeco.pytorch.SoftplusImpl;
import org.bytedeco.pytorch.TanhImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.UpsampleImpl;
import org.bytedeco.pytorch.ZeroPad2dImpl;
import org.scorecam.error.ModelException;

/**
 * How each of the presets' modules is called: their common parent has no {@code forward}. Looked up
 * once, when a child is registered.
 */
final class Forwards {
  private static final Map<Class<? extends Module>, BiFunction<Module, Tensor, Tensor>> BY_TYPE =
      new LinkedHashMap<>();

  static {
    put(Conv1dImpl.class, Conv1dImpl::forward);
    put(Conv2dImpl.class, Conv2dImpl::forward);
    put(Conv3dImpl.class, Conv3dImpl::forward);
    put(ConvTranspose2dImpl.class, (module, input) -> module.forward(input));
    put(LinearImpl.class, LinearImpl::forward);
    put(BatchNorm1dImpl.class, (module, input) -> module.forward(input));
    put(BatchNorm2dImpl.class, (module, input) -> module.forward(input));
    put(BatchNorm3dImpl.class, (module, input) -> module.forward(input));
    put(InstanceNorm2dImpl.class, (module, input) -> module.forward(input));
    put(GroupNormImpl.class, GroupNormImpl::forward);
    put(LayerNormImpl.class, LayerNormImpl::forward);
    put(LocalResponseNormImpl.class, LocalResponseNormImpl::forward);
    put(ReLUImpl.class, ReLUImpl::forward);
    put(ReLU6Impl.class, ReLU6Impl::forward);
    put(LeakyReLUImpl.class, LeakyReLUImpl::forward);
    put(PReLUImpl.class, PReLUImpl::forward);
    put(ELUImpl.class, ELUImpl::forward);
    put(SELUImpl.class, SELUImpl::forward);
    put(GELUImpl.class, GELUImpl::forward);
    put(SiLUImpl.class, SiLUImpl::forward);
    put(MishImpl.class, MishImpl::forward);
    put(SigmoidImpl.class, SigmoidImpl::forward);
    put(TanhImpl.class, TanhImpl::forward);
    put(HardtanhImpl.class, HardtanhImpl::forward);
    put(SoftplusImpl.class, SoftplusImpl::forward);
    put(SoftmaxImpl.class, SoftmaxImpl::forward);
    put(LogSoftmaxImpl.class, LogSoftmaxImpl::forward);
    put(MaxPool2dImpl.class, MaxPool2dImpl::forward);
    put(AvgPool2dImpl.class, AvgPool2dImpl::forward);
    put(AdaptiveAvgPool2dImpl.class, AdaptiveAvgPool2dImpl::forward);
    put(AdaptiveMaxPool2dImpl.class, AdaptiveMaxPool2dImpl::forward);
    put(DropoutImpl.class, DropoutImpl::forward);
    put(Dropout2dImpl.class, Dropout2dImpl::forward);
    put(FlattenImpl.class, FlattenImpl::forward);
    put(IdentityImpl.class, IdentityImpl::forward);
    put(UpsampleImpl.class, (module, input) -> module.forward(input));
    put(PixelShuffleImpl.class, PixelShuffleImpl::forward);
    put(ZeroPad2dImpl.class, ZeroPad2dImpl::forward);
    put(ReflectionPad2dImpl.class, ReflectionPad2dImpl::forward);
  }

  private Forwards() {}

  private static <M extends Module> void put(Class<M> type, BiFunction<M, Tensor, Tensor> forward) {
    BY_TYPE.put(type, (module, input) -> forward.apply(type.cast(module), input));
  }

  /** The module's forward from one tensor to one tensor. */
  static UnaryOperator<Tensor> of(String name, Module module) {
    BiFunction<Module, Tensor, Tensor> forward = BY_TYPE.get(module.getClass());
    if (forward == null) {
      throw new ModelException(
          ("child '%s' is a %s, and how to call one is not known here; register it as child(name, module,"
                  + " x -> …)")
              .formatted(name, module.getClass().getSimpleName()));
    }
    return input -> forward.apply(module, input);
  }
}
