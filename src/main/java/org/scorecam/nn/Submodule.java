package org.scorecam.nn;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
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

  /** Null while there are none, so that a call without hooks costs one look. */
  private volatile Hooks hooks;

  /** A registered hook; told from its equals by being itself. */
  private record Registered<H>(Object key, H hook) {}

  /** Replaced as a whole, so that a call sees one state. */
  private record Hooks(
      List<Registered<ModulePreHook>> before, List<Registered<ModuleHook>> after) {}

  Submodule(Module module, UnaryOperator<Tensor> function, Map<String, Submodule> children) {
    this.module = module;
    this.function = function;
    this.children = Collections.unmodifiableMap(children);
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
      Tensor replacement = registered.hook.beforeForward(this, input);
      input = replacement == null ? input : replacement;
    }
    Tensor output = function.apply(input);
    for (Registered<ModuleHook> registered : present.after) {
      Tensor replacement = registered.hook.afterForward(this, input, output);
      output = replacement == null ? output : replacement;
    }
    return output;
  }

  /**
   * Registers a hook that sees, and may replace, the output.
   *
   * @param hook runs after those registered before it
   * @return removes the hook
   */
  public HookHandle registerForwardHook(ModuleHook hook) {
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
    return module instanceof Network
        ? module.getClass().getSimpleName()
        : module.name().getString().replaceFirst("^.*::", "").replaceFirst("Impl$", "");
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
