package org.scorecam.model;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.GenericDict;
import org.bytedeco.pytorch.GenericDictIterator;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NearestNames;
import org.scorecam.error.TargetException;
import org.scorecam.graph.OutputType;
import org.scorecam.tensor.Tensors;

/**
 * What a network returned: a tensor, or a dict, tuple or list of outputs, at any depth. What is not
 * a tensor in there, such as the {@code None} of an auxiliary head, keeps its place and is skipped.
 *
 * <p>Closing it frees every tensor in it.
 */
public final class ModelOutput implements AutoCloseable {
  /** How many parts an error names. */
  private static final int LISTED = 10;

  private final String kind;
  private final Tensor tensor;

  /** By key, field name or position, in the network's order; none for a tensor and for None. */
  private final Map<String, ModelOutput> parts;

  private ModelOutput(String kind, Tensor tensor, Map<String, ModelOutput> parts) {
    this.kind = kind;
    this.tensor = tensor;
    this.parts = parts;
  }

  /**
   * The output of a network that returns one tensor.
   *
   * @param tensor owned by the new object
   * @return the output
   */
  public static ModelOutput of(Tensor tensor) {
    return new ModelOutput("tensor", tensor, Map.of());
  }

  /**
   * Unpacks what TorchScript returned, with numbers in place of quantised values.
   *
   * @param value anything
   * @param type what the program declares it to be, which knows the names of fields
   * @return the output; its tensors outlive the scope that is open
   */
  static ModelOutput of(IValue value, OutputType type) {
    if (value.isTensor() && value.toTensor().defined()) {
      Tensor tensor = value.toTensor();
      Tensor numbers = tensor.is_quantized() ? tensor.dequantize() : new Tensor(tensor);
      return of(numbers.<Tensor>retainReference());
    }
    Map<String, ModelOutput> parts = new LinkedHashMap<>();
    if (value.isGenericDict()) {
      GenericDict dict = value.toGenericDict();
      GenericDictIterator end = dict.end();
      for (GenericDictIterator entry = dict.begin();
          !entry.equals(end);
          entry = entry.increment()) {
        String key = keyOf(entry.access().key(), parts.size());
        parts.put(key, of(entry.access().value(), type.part(0)));
      }
      return new ModelOutput("a dict", null, parts);
    }
    if (value.isTuple() || value.isList()) {
      for (IValue element : elementsOf(value)) {
        int position = parts.size();
        parts.put(type.nameOf(position), of(element, type.part(position)));
      }
      return new ModelOutput(value.isTuple() ? "a tuple" : "a list", null, parts);
    }
    String tag = value.tagKind().getString();
    boolean none = value.isNone() || value.isTensor();
    return new ModelOutput(
        none ? "None" : "a value of type " + tag.toLowerCase(Locale.ROOT), null, Map.of());
  }

  /**
   * The tensor that the network returned: the output itself, or the only tensor in it.
   *
   * @return a tensor owned by this output
   * @throws TargetException if there are several, with what can be chosen, or none
   */
  public Tensor tensor() {
    List<Tensor> tensors = new ArrayList<>();
    forEachTensor(tensors::add);
    if (tensors.isEmpty()) {
      throw new TargetException(
          "only a tensor can be explained; what the network returned is " + describe());
    }
    if (tensors.size() > 1) {
      throw new TargetException(
          "what the network returned is %s; choose one of its tensors with Target.from(…), or --from on the command line"
              .formatted(describe()));
    }
    return tensors.get(0);
  }

  /**
   * Whether the network returned one tensor, and nothing around it.
   *
   * @return true if it did
   */
  public boolean isTensor() {
    return tensor != null;
  }

  /**
   * What a dict, tuple or list holds.
   *
   * @return by key, field name or position, in the network's order, owned by this output; empty for
   *     a tensor and for what is none
   */
  public Map<String, ModelOutput> parts() {
    return Collections.unmodifiableMap(parts);
  }

  /**
   * A part of a dict, tuple or list, at any depth.
   *
   * @param path a key of a dict, a field name of a named tuple, a position from 0, or several of
   *     these joined by dots, such as {@code heads.1}. What exists under a longer name wins over
   *     what does under a shorter one, and a key or field wins over a position
   * @return the part, owned by this output
   * @throws TargetException if there is no such part, with those that there are
   */
  public ModelOutput get(String path) {
    ModelOutput part = find(path);
    if (part == null) {
      throw new TargetException(
          "the network's output has no part '%s'%s".formatted(path, whatThereIs(path)));
    }
    return part;
  }

  /**
   * One element of a tuple, list or dict, in the order in which the network put them.
   *
   * @param position from 0, as in Python: what is not a tensor counts
   * @return the element, owned by this output
   * @throws TargetException if there are fewer, or the output is one tensor
   */
  public ModelOutput get(int position) {
    List<ModelOutput> inOrder = new ArrayList<>(parts.values());
    if (position < 0 || position >= inOrder.size()) {
      throw new TargetException(
          "the network's output has no position %d%s"
              .formatted(position, whatThereIs(Integer.toString(position))));
    }
    return inOrder.get(position);
  }

  private ModelOutput find(String path) {
    ModelOutput part = partNamed(path);
    int dot = path.lastIndexOf('.');
    while (part == null && dot >= 0) {
      ModelOutput outer = partNamed(path.substring(0, dot));
      part = outer == null ? null : outer.find(path.substring(dot + 1));
      dot = path.lastIndexOf('.', dot - 1);
    }
    return part;
  }

  private ModelOutput partNamed(String name) {
    ModelOutput named = parts.get(name);
    boolean position = named == null && name.matches("\\d{1,9}");
    return position && Integer.parseInt(name) < parts.size() ? get(Integer.parseInt(name)) : named;
  }

  /** How an error about a part that does not exist goes on. */
  private String whatThereIs(String wrong) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    addTensors("", tensors);
    if (isTensor() || tensors.isEmpty()) {
      return ": it is " + describe();
    }
    List<String> nearest = NearestNames.nearestFirst(wrong, tensors.keySet());
    return (nearest.size() == 1 ? "; its only tensor is " : "; its tensors are ")
        + nearest.stream()
            .limit(LISTED)
            .map(path -> path + " " + Tensors.shapeOf(tensors.get(path)))
            .collect(joining(", "))
        + (nearest.size() > LISTED ? " and %d more".formatted(nearest.size() - LISTED) : "");
  }

  private void addTensors(String path, Map<String, Tensor> tensors) {
    if (isTensor()) {
      tensors.put(path, tensor);
    }
    parts.forEach(
        (name, part) -> part.addTensors(path.isEmpty() ? name : path + "." + name, tensors));
  }

  /**
   * The output's structure in words.
   *
   * @return for example {@code a dict with out: tensor [1, 21, 64, 64], aux: None}
   */
  public String describe() {
    return isTensor() ? "a " + inShort() : inShort();
  }

  private String inShort() {
    if (isTensor()) {
      return kind + " " + Tensors.shapeOf(tensor);
    }
    String with =
        parts.entrySet().stream()
            .limit(LISTED)
            .map(part -> part.getKey() + ": " + part.getValue().inShort())
            .collect(joining(", "));
    boolean cut = parts.size() > LISTED;
    return kind
        + (with.isEmpty() ? "" : " with " + with)
        + (cut ? " and %d more".formatted(parts.size() - LISTED) : "");
  }

  /** How many entries or elements it has; none if it is one tensor. */
  int size() {
    return parts.size();
  }

  /** Shows every tensor in this output, at any depth, in the network's order. */
  void forEachTensor(Consumer<Tensor> visitor) {
    if (isTensor()) {
      visitor.accept(tensor);
    }
    parts.values().forEach(part -> part.forEachTensor(visitor));
  }

  /** Frees every tensor in this output. Closing again does nothing. */
  @Override
  public void close() {
    forEachTensor(Tensor::close);
  }

  /** The same values without what is recorded of how they came about; this stays open. */
  ModelOutput detached() {
    if (isTensor()) {
      return new ModelOutput(kind, tensor.detach().<Tensor>retainReference(), Map.of());
    }
    Map<String, ModelOutput> detached = new LinkedHashMap<>();
    parts.forEach((name, part) -> detached.put(name, part.detached()));
    return new ModelOutput(kind, null, detached);
  }

  private static List<IValue> elementsOf(IValue value) {
    List<IValue> elements = new ArrayList<>();
    if (value.isTuple()) {
      IValueVector tuple = value.toTuple().elements().vec();
      for (long i = 0; i < tuple.size(); i++) {
        elements.add(tuple.get(i));
      }
    } else {
      GenericList list = value.toList();
      for (long i = 0; i < list.size(); i++) {
        elements.add(list.get(i));
      }
    }
    return elements;
  }

  private static String keyOf(IValue key, int position) {
    if (key.isString()) {
      BytePointer text = key.toStringRef();
      return text == null ? "" : text.getString(); // The presets give null for an empty string.
    }
    return key.isInt() ? Long.toString(key.toInt()) : Integer.toString(position);
  }
}
