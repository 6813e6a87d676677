package org.scorecam.nn;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;

/**
 * A module within a network, called through its hooks.
 *
 * <p>Hooks run in the order of their registration: first the pre-hooks, then the module, then the
 * hooks. They fire only while {@link #forward} runs and may be registered and removed by any thread
 * at any time; a call that has begun keeps the hooks it began with. Without hooks a call is the
 * module's own.
 */
public final class Submodule {
  private static final Hooks NONE = new Hooks(List.of(), List.of());

  private final Module module;
  private final UnaryOperator<Tensor> function;
  private final Map<String, Submodule> children;

  /**
   * What must live for as long as the parent calls this: the module, and what its forward needs.
   */
  private final List<Pointer> handles;

  /** Null while there are none, so that a call without hooks costs one look. */
  private volatile Hooks hooks;

  /** A registered hook; told from its equals by being itself. */
  private record Registered<H>(Object key, H hook) {}

  /** Replaced as a whole, so that a call sees one state. */
  private record Hooks(
      List<Registered<ModulePreHook>> before, List<Registered<ModuleHook>> after) {}

  Submodule(
      Module module,
      UnaryOperator<Tensor> function,
      Map<String, Submodule> children,
      Pointer... alsoNeeded) {
    this.module = module;
    this.function = function;
    this.children = Collections.unmodifiableMap(children);
    this.handles = new ArrayList<>(List.of(alsoNeeded));
    this.handles.add(module);
  }

  /** Keeps the module for a parent, whatever becomes of the scope it was made in. */
  void retain() {
    handles.forEach(Pointer::retainReference);
    modulesBetween().forEach(Submodule::retain);
  }

  /** Undoes one {@link #retain}. */
  void release() {
    modulesBetween().forEach(Submodule::release);
    handles.forEach(Pointer::releaseReference);
  }

  /** The children, unless they are a network's, which keeps its own. */
  private Collection<Submodule> modulesBetween() {
    return module instanceof Network ? List.of() : children.values();
  }

  /**
   * Calls the module, as {@code module(x)} in PyTorch.
   *
   * @param input what the module takes
   * @return its output, owned by the scope that is open
   */
  public Tensor forward(Tensor input) {
    Interceptor interceptor = Interceptor.Current.get();
    if (interceptor != null) {
      return interceptor.call(this, input, function);
    }
    Hooks present = hooks;
    return present == null ? function.apply(input) : callHooked(present, input);
  }

  private Tensor callHooked(Hooks present, Tensor given) {
    Tensor input = given;
    for (Registered<ModulePreHook> registered : present.before) {
      input = replaced(input, registered.hook.beforeForward(this, input));
    }
    Tensor output = function.apply(input);
    for (Registered<ModuleHook> registered : present.after) {
      output = replaced(output, registered.hook.afterForward(this, input, output));
    }
    return output;
  }

  /** A handle of our own on a replacement: the network frees its values, but not the hook's. */
  private static Tensor replaced(Tensor value, Tensor replacement) {
    return replacement == null || replacement.equals(value) ? value : new Tensor(replacement);
  }

  /**
   * Registers a hook that sees, and may replace, the output.
   *
   * @param hook runs after those registered before it
   * @return removes the hook
   */
  public HookHandle registerForwardHook(ModuleHook hook) {
    requireNonNull(hook, "hook");
    Registered<ModuleHook> registered = new Registered<>(new Object(), hook);
    change(present -> new Hooks(present.before, plus(present.after, registered)));
    return () -> change(present -> new Hooks(present.before, minus(present.after, registered)));
  }

  /**
   * Registers a hook that sees, and may replace, the input.
   *
   * @param hook runs after those registered before it
   * @return removes the hook
   */
  public HookHandle registerForwardPreHook(ModulePreHook hook) {
    requireNonNull(hook, "hook");
    Registered<ModulePreHook> registered = new Registered<>(new Object(), hook);
    change(present -> new Hooks(plus(present.before, registered), present.after));
    return () -> change(present -> new Hooks(minus(present.before, registered), present.after));
  }

  /**
   * The module itself.
   *
   * @return as it was registered; calling it directly passes its hooks by
   */
  public Module module() {
    return module;
  }

  /**
   * The module's class.
   *
   * @return for example {@code Conv2d}, or the name of a Java class
   */
  public String type() {
    if (module instanceof Network) {
      return module.getClass().getSimpleName();
    }
    try (BytePointer name = module.name()) {
      return name.getString().replaceFirst("^.*::", "").replaceFirst("Impl$", "");
    }
  }

  /**
   * The modules within this one that can be hooked.
   *
   * @return by their names, in order; empty for a plain module
   */
  public Map<String, Submodule> children() {
    return children;
  }

  /** This module's descendants by their dotted paths, parents first. */
  Map<String, Submodule> descendants() {
    Map<String, Submodule> found = new LinkedHashMap<>();
    collect("", found::put);
    return found;
  }

  private void collect(String prefix, BiConsumer<String, Submodule> found) {
    children.forEach(
        (name, child) -> {
          found.accept(prefix + name, child);
          child.collect(prefix + name + ".", found);
        });
  }

  private synchronized void change(UnaryOperator<Hooks> edit) {
    Hooks edited = edit.apply(hooks == null ? NONE : hooks);
    hooks = edited.before.isEmpty() && edited.after.isEmpty() ? null : edited;
  }

  private static <H> List<Registered<H>> plus(List<Registered<H>> all, Registered<H> added) {
    List<Registered<H>> more = new ArrayList<>(all);
    more.add(added);
    return List.copyOf(more);
  }

  private static <H> List<Registered<H>> minus(List<Registered<H>> all, Registered<H> removed) {
    return all.stream().filter(each -> !each.equals(removed)).toList();
  }
}
