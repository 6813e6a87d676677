package org.scorecam.model;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LayerException;
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
  private FoldedScorer scorer;

  private ModuleModel(Network network, Device device) {
    super(device, typesOf(network));
    this.network = network;
    this.submodules = network.submodules();
  }

  /**
   * Takes over a network.
   *
   * @param network its forward must give one tensor for one; the model owns it from now on
   * @param device where it shall run
   * @return the model, owned by the caller
   * @throws org.scorecam.runtime.DeviceException if there is no such device
   */
  public static ModuleModel of(Network network, Device device) {
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
  void checkCapture(String layer) {
    // Every child is called through its Submodule; whether it is called at all shows in a pass.
  }

  @Override
  Capture run(Tensor input, List<String> layers, RepeatedCall counted) {
    Map<Submodule, Tensor> copies = new LinkedHashMap<>();
    layers.forEach(layer -> copies.put(submodules.get(layer), null));
    Tensor output =
        capturing(copies, counted).during(() -> network.call(input)).<Tensor>retainReference();
    List<Tensor> activations = new ArrayList<>();
    for (String layer : layers) {
      Tensor copy = copies.get(submodules.get(layer));
      if (copy == null) {
        output.close();
        activations.forEach(Tensor::close);
        throw new LayerException(
            "layer '%s' was not called by the network's forward".formatted(layer));
      }
      activations.add(copy);
    }
    return new Capture(ModelOutput.of(output), activations);
  }

  private static Interceptor capturing(Map<Submodule, Tensor> copies, RepeatedCall counted) {
    return (module, input, forward) -> {
      Tensor output = forward.apply(input);
      if (copies.containsKey(module)) {
        Tensor earlier = copies.get(module);
        if (earlier == null || counted == RepeatedCall.LAST) {
          // A copy, since a later in-place operation would show in the output itself.
          copies.put(module, output.clone().<Tensor>retainReference());
          if (earlier != null) {
            earlier.close();
          }
        }
      }
      return output;
    };
  }

  @Override
  public synchronized Scorer scorer() {
    requireOpen();
    if (scorer == null) {
      scorer = new FoldedScorer(network, device());
    }
    return scorer;
  }

  @Override
  void free() {
    if (scorer != null) {
      scorer.close();
    }
    network.close();
  }

  private static Map<String, String> typesOf(Network network) {
    Map<String, String> types = new LinkedHashMap<>();
    network.submodules().forEach((path, submodule) -> types.put(path, submodule.type()));
    return types;
  }
}
