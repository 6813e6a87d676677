package org.scorecam.nn;

import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.SequentialImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.ModelException;

/**
 * Modules called one after the other: a C++ {@code Sequential} with hooks, or networks in a row.
 *
 * <p>Of a C++ {@code Sequential} the children are shared, as by a second {@code shared_ptr}: this
 * network may outlive the container, and changes of parameters show on both sides. Modules that
 * Java code put into a {@code SequentialImpl} must stay reachable in Java, since the presets'
 * {@code push_back} does not keep them; {@link #SequentialNetwork(Module...)} does.
 */
public final class SequentialNetwork extends Network {
  private final SequentialForward steps = new SequentialForward(self().children().values());

  /**
   * Hooks into a {@code Sequential}.
   *
   * @param sequential stays the caller's
   */
  public SequentialNetwork(SequentialImpl sequential) {
    try (PointerScope scope = new PointerScope()) {
      SequentialForward.childrenOf(sequential).forEach(this::adopt);
    }
  }

  /**
   * Puts modules in a row, named 0, 1, 2, ….
   *
   * @param modules as {@link Network#child} takes them
   */
  public SequentialNetwork(Module... modules) {
    for (int i = 0; i < modules.length; i++) {
      child(Integer.toString(i), modules[i]);
    }
  }

  /**
   * Puts modules in a row under names of their own.
   *
   * @param modules as {@link Network#child} takes them, called in the map's order
   */
  public SequentialNetwork(Map<String, ? extends Module> modules) {
    modules.forEach(this::child);
  }

  /**
   * Hooks into a {@code Sequential} that C++ code of this process made.
   *
   * @param address a {@code torch::nn::Module*} of the LibTorch that this process has loaded
   * @return a network, owned by the caller, that shares the children
   * @throws ModelException if it is null or no {@code Sequential}
   */
  public static SequentialNetwork at(Pointer address) {
    if (address == null || address.isNull()) {
      throw new ModelException("the pointer to the network is null");
    }
    SequentialImpl sequential = new Module(address).asSequential();
    if (sequential == null || sequential.isNull()) {
      throw new ModelException(
          "the module at 0x%x is not a torch::nn::Sequential".formatted(address.address()));
    }
    return new SequentialNetwork(sequential);
  }

  @Override
  public Tensor forward(Tensor input) {
    return steps.apply(input);
  }
}
