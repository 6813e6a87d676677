package org.scorecam.model;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.parameter_iterator;
import org.scorecam.error.InputException;
import org.scorecam.error.ModelException;
import org.scorecam.graph.FixedInputs;
import org.scorecam.graph.GraphCut;
import org.scorecam.graph.TorchScriptModules;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * A network from a TorchScript file, scripted or traced.
 *
 * <p>It is put into evaluation mode. Its parameters are not changed, and hooks do not touch its
 * code: each set of layers that is watched gets a rewritten copy of {@code forward} over the same
 * parameters, made at its first use and kept while it is among those used last.
 */
public final class TorchScriptModel extends CapturingModel {
  private final JitModule module;
  private final FixedInputs inputs;
  private final KeptCaptures<LayerCapture> captures;

  private TorchScriptModel(
      JitModule module, Device device, Map<String, String> types, FixedInputs inputs) {
    super(device, types);
    this.module = module;
    this.inputs = inputs;
    this.captures =
        new KeptCaptures<>(
            watch -> new LayerCapture(module, watch, device, inputs), LayerCapture::close);
  }

  /**
   * Loads a file that {@code torch.jit.save} wrote. Weights of other floating-point types become
   * float32, and devices that tracing wrote into the program become this one.
   *
   * @param path the file
   * @param device where the network shall run
   * @return the network, owned by the caller
   * @throws ModelException if the file is missing, truncated, a plain state dict, no TorchScript,
   *     or has no {@code forward}
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static TorchScriptModel load(Path path, Device device) {
    requireNonNull(path, "path");
    requireNonNull(device, "device");
    device.require();
    try (NativeScope scope = NativeScope.open()) {
      JitModule module = TorchScriptFile.load(path, device);
      return new TorchScriptModel(
          scope.keep(module), device, TorchScriptModules.typesOf(module), FixedInputs.none(module));
    }
  }

  @Override
  public TorchScriptModel withFixedInputs(List<Tensor> further) {
    return whileOpen(
        () -> {
          FixedInputs fixed = FixedInputs.of(module, further, device());
          try {
            fixed.requireComplete();
          } catch (InputException e) {
            fixed.close();
            throw e;
          }
          return new TorchScriptModel(
              module.<JitModule>retainReference(), device(), types(), fixed);
        });
  }

  @Override
  public TorchScriptModel from(String layer) {
    return cut(layer, copy -> GraphCut.in(copy, layer));
  }

  @Override
  public TorchScriptModel fromWithTokenMask(String layer) {
    return cut(layer, copy -> GraphCut.withTokenMask(copy, layer, types()));
  }

  private TorchScriptModel cut(String layer, Consumer<JitModule> cutting) {
    requireCapturable(layer);
    return whileOpen(
        () -> {
          // As in scorerOf: copies register their classes with the module's.
          synchronized (module) {
            try (NativeScope scope = NativeScope.open()) {
              // With a class of its own, but the same parameters.
              JitModule cut = module.clone(true);
              cutting.accept(cut);
              return new TorchScriptModel(scope.keep(cut), device(), types(), inputs.copy());
            }
          }
        });
  }

  @Override
  void checkCapture(String layer) {
    try (NativeScope scope = NativeScope.open()) {
      HookedGraph.of(module, new Watch(List.of(layer), RepeatedCall.LAST, CaptureMoment.AT_CALL));
    }
  }

  @Override
  Capture run(Tensor input, Watch watch) {
    return captures.with(watch, capture -> capture.run(input));
  }

  @Override
  Capture runAttached(Tensor input, Watch watch) {
    return captures.with(watch, capture -> capture.runAttached(input));
  }

  @Override
  Map<String, List<Long>> outputShapes(Tensor input) {
    Map<String, List<Long>> shapes = new HashMap<>();
    List<String> layers = HookedGraph.capturable(module, List.copyOf(types().keySet()));
    Watch all = new Watch(layers, RepeatedCall.LAST, CaptureMoment.AFTER_PASS);
    try (HookedFunction function = HookedFunction.of(module, all, inputs);
        ModelOutput tuple = function.run(input)) {
      for (String layer : layers) {
        ModelOutput called = tuple.get(layers.indexOf(layer) + 1);
        if (called.size() > 0) {
          shapes.put(layer, shapeOf(called.get(0).tensor()));
        }
      }
    }
    return shapes;
  }

  @Override
  NetworkScorer scorerOf(NetworkScorer.Kind kind) {
    // Freezing registers the copy's classes with the module's, which LibTorch does without a lock.
    synchronized (module) {
      return FrozenScorer.of(module, kind, inputs);
    }
  }

  @Override
  String structure() {
    StringBuilder structure = new StringBuilder();
    parameter_iterator parameter = module.parameters().begin();
    for (long left = module.parameters().size(); left > 0; left--) {
      structure.append(shapeOf(parameter.multiply()));
      parameter.increment();
    }
    String code = module.dump_to_str(true, false, false).getString();
    // Attributes that are modules are shown with their addresses.
    return structure.append(code.replaceAll(" at 0x\\w+", "")).toString();
  }

  @Override
  void free() {
    captures.close();
    inputs.close();
    module.close();
  }
}
