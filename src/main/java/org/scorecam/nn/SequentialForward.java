package org.scorecam.nn;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AnyModule;
import org.bytedeco.pytorch.AnyModuleVector;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.SequentialImpl;
import org.bytedeco.pytorch.StringSharedModuleDict;
import org.bytedeco.pytorch.Tensor;

/** Calls one module after the other, and frees what lies between them as it goes. */
final class SequentialForward implements UnaryOperator<Tensor> {
  private final Collection<Submodule> modules;

  SequentialForward(Collection<Submodule> modules) {
    this.modules = modules;
  }

  @Override
  public Tensor apply(Tensor input) {
    return through(input, modules);
  }

  static Tensor through(Tensor input, Iterable<Submodule> modules) {
    Tensor value = input;
    for (Submodule module : modules) {
      Tensor next = module.forward(value);
      if (!value.equals(input) && !value.equals(next)) {
        value.close();
      }
      value = next;
    }
    return value;
  }

  /**
   * The children of a C++ {@code Sequential}, whatever their types, by their names; in need of an
   * open scope and to be retained before it closes.
   *
   * <p>Each child is called through the type-erased {@code AnyModule} that the container keeps. Of
   * that a copy is made by putting it into a vector, since the presets' own constructor and
   * assignment move it out of the container.
   */
  static Map<String, Submodule> childrenOf(SequentialImpl sequential) {
    Map<String, Submodule> children = new LinkedHashMap<>();
    StringSharedModuleDict named = sequential.named_children();
    AnyModuleVector.Iterator position = sequential.begin();
    for (long i = 0; i < sequential.size(); i++, position.increment()) {
      AnyModuleVector copy = new AnyModuleVector(position.get());
      AnyModule erased = copy.get(0);
      Module module = erased.ptr();
      SequentialImpl nested = module.asSequential();
      Map<String, Submodule> grandchildren =
          nested == null || nested.isNull() ? Map.of() : childrenOf(nested);
      UnaryOperator<Tensor> function =
          grandchildren.isEmpty() ? erased::forward : new SequentialForward(grandchildren.values());
      children.put(
          named.get(i).key().getString(),
          new Submodule(module, function, grandchildren, erased, copy));
    }
    return children;
  }
}
