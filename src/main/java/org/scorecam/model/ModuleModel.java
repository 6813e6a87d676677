package org.scorecam.model;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * A network of {@code torch::nn} modules: one written in Java, or a C++ {@code Sequential}.
 *
 * <p>It is moved to its device and put into evaluation mode. Hooks registered on the network's own
 * modules run when the network is called as such; this model's passes call none of them.
 */
public final class ModuleModel extends CapturingModel {
  private final Network network;
  private final Map<String, Submodule> submodules;

  private ModuleModel(Network network, Device device) {
    super(device, typesOf(network));
    this.network = network;
    this.submodules = network.submodules();
  }

  /**
   * Takes over a network.
   *
   * @param network its forward must give one tensor for one; the model owns it from now on, so a
   *     network made in a scope must have been kept
   * @param device where it shall run
   * @return the model, owned by the caller
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public static ModuleModel of(Network network, Device device) {
    requireNonNull(network, "network");
    requireNonNull(device, "device");
    device.require();
    try (NativeScope scope = NativeScope.open()) {
      network.to(device.toTorch(), false);
    }
    network.eval();
    return new ModuleModel(network, device);
  }

  /**
   * The network itself, for its parameters and its own hooks.
   *
   * @return owned by this model
   */
  public Network network() {
    requireOpen();
    return network;
  }

  @Override
  public ModuleModel from(String layer) {
    return cut(layer, false);
  }

  @Override
  public ModuleModel fromWithTokenMask(String layer) {
    return cut(layer, true);
  }

  private ModuleModel cut(String layer, boolean masksTokens) {
    requireCapturable(layer);
    return whileOpen(
        () -> {
          try (NativeScope scope = NativeScope.open()) {
            ModuleCut rest = new ModuleCut(network, layer, masksTokens, device(), this::lastShape);
            rest.eval();
            return new ModuleModel(scope.keep(rest), device());
          }
        });
  }

  @Override
  void checkCapture(String layer) {
    // Every child is called through its Submodule; whether it is called at all shows in a pass.
  }

  @Override
  Capture run(Tensor input, Watch watch) {
    return run(input, watch, false);
  }

  @Override
  Capture runAttached(Tensor input, Watch watch) {
    return run(input, watch, true);
  }

  private Capture run(Tensor input, Watch watch, boolean attached) {
    Map<Submodule, Tensor> taken = new HashMap<>();
    List<Submodule> watched = watch.layers().stream().map(submodules::get).toList();
    try {
      Tensor output =
          capturing(Set.copyOf(watched), taken, watch, attached).during(() -> network.call(input));
      for (String layer : watch.layers()) {
        if (!taken.containsKey(submodules.get(layer))) {
          throw Capture.notCalled(layer);
        }
      }
      List<Tensor> activations = watched.stream().map(taken::get).toList();
      return new Capture(ModelOutput.of(output.<Tensor>retainReference()), activations);
    } catch (RuntimeException | Error e) {
      taken.values().forEach(Tensor::close);
      throw e;
    }
  }

  private static Interceptor capturing(
      Set<Submodule> watched, Map<Submodule, Tensor> taken, Watch watch, boolean attached) {
    boolean copies = watch.moment() == CaptureMoment.AT_CALL;
    boolean last = watch.counted() == RepeatedCall.LAST;
    return (module, input, forward) -> {
      Tensor output = forward.apply(input);
      if (!watched.contains(module) || (!last && taken.containsKey(module))) {
        return output;
      }
      // A copy hides later in-place operations; another handle on the same values shows them.
      Tensor copy = copies ? output.clone() : output;
      Tensor kept = new Tensor(attached ? output : copy);
      Tensor earlier = taken.put(module, kept.<Tensor>retainReference());
      if (earlier != null) {
        earlier.close();
      }
      // What is attached has to be what the network goes on with, or was copied from.
      return attached ? copy : output;
    };
  }

  @Override
  String structure() {
    String kind = network instanceof ModuleCut rest ? rest.kind() : network.getClass().getName();
    return kind + Arrays.stream(network.parameters().get()).map(CapturingModel::shapeOf).toList();
  }

  /** Notes each output's shape as it passes: no copies, and a layer that is not called has none. */
  @Override
  Map<String, List<Long>> outputShapes(Tensor input) {
    Map<Submodule, List<Long>> seen = new HashMap<>();
    Interceptor noting =
        (module, given, forward) -> {
          Tensor output = forward.apply(given);
          seen.put(module, shapeOf(output));
          return output;
        };
    noting.during(() -> network.call(input));
    Map<String, List<Long>> shapes = new HashMap<>();
    submodules.forEach((path, module) -> shapes.put(path, seen.get(module)));
    return shapes;
  }

  @Override
  public Optional<String> defaultLayer() {
    return network.defaultLayer();
  }

  @Override
  public Optional<Layout> layoutOf(String layer) {
    return network.layoutOf(layer);
  }

  @Override
  NetworkScorer scorerOf(NetworkScorer.Kind kind) {
    return new ModuleScorer(network, device(), kind);
  }

  @Override
  void free() {
    network.close();
  }

  private static Map<String, String> typesOf(Network network) {
    Map<String, String> types = new LinkedHashMap<>();
    network.submodules().forEach((path, submodule) -> types.put(path, submodule.type()));
    return types;
  }
}
