package org.scorecam.nn;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.SequentialImpl;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.LayerException;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.LibTorch;

/**
 * The base class of networks written in Java on LibTorch's modules.
 *
 * <pre>{@code
 * final class Net extends Network {
 *   private final Submodule conv = child("conv", new Conv2dImpl(3, 16, new LongPointer(3, 3)));
 *   private final Submodule fc = child("fc", new LinearImpl(16, 10));
 *
 *   public Tensor forward(Tensor x) {                        // [N, 3, H, W]
 *     return fc.forward(conv.forward(x).relu_().mean(2, 3)); // [N, 10]
 *   }
 * }
 * }</pre>
 *
 * <p>The children are registered with LibTorch under their names, so that {@code named_parameters},
 * {@code to}, {@code eval}, {@code save} and {@code load} see them. A network can be a child of
 * another one. What a child network's forward makes on the way is freed when it returns.
 *
 * <p>Owned by whoever makes it; closing it gives up its children as well, which live on only where
 * someone else holds them. A child may be made in a scope that closes before.
 */
public abstract class Network extends Module {
  private final Map<String, Submodule> children = new LinkedHashMap<>();

  /** What is called, but is no child. */
  private final List<Submodule> parts = new ArrayList<>();

  // It keeps itself for later: nothing of the subclass is called before there is all of it.
  @SuppressWarnings("this-escape")
  private final Submodule self = new Submodule(this, this::scopedForward, children);

  /** A network without children. */
  protected Network() {
    LibTorch.load();
  }

  /**
   * The network's computation. Call {@link #call} to have this network's own hooks run as well.
   * Several threads call it at once when masked inputs are scored, so that it may keep nothing in
   * fields from one call to the next; where it does, build the explainer with one worker.
   *
   * <p>On the CPU, masked inputs may be scored by a program of the operators that one call of this
   * method made, without calling it again; fields then count as they were during that call. Read
   * numbers that decide what is called by operators, such as {@code item()}, which are noticed, and
   * not at a tensor's address, which is not.
   *
   * @param input what the network takes
   * @return its output, owned by the scope that is open
   */
  public abstract Tensor forward(Tensor input);

  /**
   * Calls the network with its hooks, as {@code network(x)} in PyTorch.
   *
   * @param input what the network takes
   * @return its output, owned by the scope that is open, or by the caller where there is none
   */
  public final Tensor call(Tensor input) {
    return self.forward(input);
  }

  /**
   * This network as a module that can be hooked.
   *
   * @return always the same object
   */
  public final Submodule self() {
    return self;
  }

  /**
   * The modules within this network at any depth.
   *
   * @return by their dotted paths, parents before children
   */
  public final Map<String, Submodule> submodules() {
    return self.descendants();
  }

  /**
   * A module within this network.
   *
   * @param path its dotted path, such as {@code layer4.1.conv2}
   * @return the module
   * @throws LayerException if there is none, with the nearest paths
   */
  public final Submodule submodule(String path) {
    requireNonNull(path, "path");
    Map<String, Submodule> all = submodules();
    Submodule found = all.get(path);
    if (found == null) {
      throw LayerException.unknown(path, all.keySet());
    }
    return found;
  }

  /**
   * Registers a child: one of the presets' modules from tensor to tensor, a {@code Sequential}, or
   * another network.
   *
   * @param name of the child, without dots
   * @param module the child
   * @return what the child is to be called through
   * @throws ModelException if it is another kind of module, or there is a child of that name
   */
  protected final Submodule child(String name, Module module) {
    requireNonNull(name, "name");
    requireNonNull(module, "module");
    if (module instanceof Network network) {
      return add(name, module, network.self);
    }
    if (module instanceof SequentialImpl sequential) {
      try (PointerScope scope = new PointerScope()) {
        Map<String, Submodule> modules = SequentialForward.childrenOf(sequential);
        return add(
            name, module, new Submodule(module, new SequentialForward(modules.values()), modules));
      }
    }
    return child(name, module, Forwards.of(name, module));
  }

  /**
   * Registers a child of any kind.
   *
   * @param name of the child, without dots
   * @param module the child
   * @param forward calls it; the network frees what it returns
   * @return what the child is to be called through
   */
  protected final Submodule child(String name, Module module, UnaryOperator<Tensor> forward) {
    requireNonNull(name, "name");
    requireNonNull(module, "module");
    requireNonNull(forward, "forward");
    return add(name, module, new Submodule(module, forward, Map.of()));
  }

  /**
   * What calls a module that is no child and has no name: one whose parameters this network has
   * registered as its own, under names of its own. It is prepared for scoring as children are.
   *
   * @param module one of the presets' modules from tensor to tensor; lives as long as this network
   * @return what it is to be called through; hooks do not reach it
   * @throws ModelException if it is another kind of module
   */
  protected final Submodule part(Module module) {
    Submodule part = new Submodule(module, Forwards.of("without a name", module), Map.of());
    part.retain();
    parts.add(part);
    return part;
  }

  /**
   * Calls one module after the other, and frees what lies between them as it goes.
   *
   * @param input of the first module; stays as it is
   * @param modules at least one
   * @return what the last one puts out, owned by the scope that is open
   */
  protected static Tensor sequence(Tensor input, Submodule... modules) {
    return SequentialForward.through(input, List.of(modules));
  }

  /**
   * The layer that is customarily explained.
   *
   * @return its dotted path, if this network knows one
   */
  public Optional<String> defaultLayer() {
    return Optional.empty();
  }

  /**
   * How a layer's output holds its activation maps.
   *
   * @param layer its dotted path
   * @return the layout, if this network knows it; otherwise it is found where the shape is certain
   */
  public Optional<Layout> layoutOf(String layer) {
    return Optional.empty();
  }

  /** Registers a child that can be called already. */
  final void adopt(String name, Submodule child) {
    add(name, child.module(), child);
  }

  private Submodule add(String name, Module module, Submodule child) {
    if (name.isEmpty() || name.contains(".")) {
      throw new ModelException(
          "a child's name must be neither empty nor contain a dot: '%s'".formatted(name));
    }
    if (children.containsKey(name)) {
      throw new ModelException("the network already has a child '%s'".formatted(name));
    }
    NativeErrors.translate(
        () -> register_module(name, module),
        (words, e) ->
            new ModelException(
                "child '%s' cannot be registered.\nLibTorch says: %s".formatted(name, words), e));
    child.retain();
    children.put(name, child);
    return child;
  }

  /**
   * Gives up a reference to this network; the last one frees it, and gives up its children. {@link
   * #close()} and scopes do so.
   */
  @Override
  public final boolean releaseReference() {
    boolean freed = super.releaseReference();
    if (freed) {
      children.values().forEach(Submodule::release);
      parts.forEach(Submodule::release);
    }
    return freed;
  }

  /** Frees what forward makes but its result, which goes to the scope outside. */
  private Tensor scopedForward(Tensor input) {
    Iterator<PointerScope> open = PointerScope.getScopeIterator();
    PointerScope outer = open != null && open.hasNext() ? open.next() : null;
    Tensor output;
    try (PointerScope inner = new PointerScope()) {
      output = forward(input);
      if (output.equals(input)) {
        return input;
      }
      // What the presets' functions in place return, such as torch.silu_, does not own what it
      // shows.
      output = output.referenceCount() < 0 ? new Tensor(output) : output;
      output.<Tensor>retainReference();
    }
    if (outer != null) {
      outer.attach(output);
      output.releaseReference();
    }
    return output;
  }
}
