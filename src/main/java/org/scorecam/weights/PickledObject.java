package org.scorecam.weights;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A class, function or object of a pickle that this package has no use for. Its name is never
 * looked up and nothing of it is run: it only takes its place beside the weights.
 *
 * <p>What the pickle gives it is kept as data, since modules ({@code torch.save(model)}) and dicts
 * of classes of their own have weights in them.
 */
final class PickledObject {
  /** Where TorchScript puts all classes. */
  private static final String SCRIPT_CLASSES = "__torch__";

  private static final int MAX_SHOWN = 80;

  // Apart, since a pickle can name the same two long strings again for a few bytes.
  private final String module;
  private final String name;
  private final boolean script;
  private Object state;
  private Map<Object, Object> items;

  PickledObject(String module, String name) {
    this.module = module;
    this.name = name;
    this.script = module.equals(SCRIPT_CLASSES) || module.startsWith(SCRIPT_CLASSES + ".");
  }

  /** What calling this as a class or function gives: another object that does nothing. */
  PickledObject call() {
    return new PickledObject(module, name);
  }

  /** Of the class or function, without its module. */
  String name() {
    return name;
  }

  void setState(Object state) {
    this.state = state;
  }

  /** Its entries, for classes derived from {@code dict}. */
  Map<Object, Object> makeItems() {
    if (items == null) {
      items = new LinkedHashMap<>();
    }
    return items;
  }

  /** A dict's or a dict-like object's entries, or null. */
  static Map<?, ?> entries(Object value) {
    if (value instanceof PickledObject object) {
      return object.items;
    }
    return value instanceof Map<?, ?> map ? map : null;
  }

  /** Whether it is of a TorchScript class: a module, mostly, whose attributes are its state. */
  boolean isScript() {
    return script;
  }

  /** Whether it has what every {@code torch.nn.Module} has. */
  boolean isModule() {
    return attribute("_parameters") != null && attribute("_modules") != null;
  }

  /** Whether it is what NumPy makes arrays with; their data is not kept. */
  boolean isNumpyArray() {
    return module.startsWith("numpy.") && name.equals("_reconstruct");
  }

  /** The attributes; none if the class has a {@code __setstate__} of its own. */
  Map<?, ?> attributes() {
    return state instanceof Map<?, ?> map ? map : Map.of();
  }

  /** The entries of an attribute that is a dict, or null. */
  Map<?, ?> attribute(String attribute) {
    return entries(attributes().get(attribute));
  }

  @Override
  public String toString() {
    return "an object of " + Printable.of(module, MAX_SHOWN) + "." + Printable.of(name, MAX_SHOWN);
  }
}
