package org.scorecam.model;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.GenericDict;
import org.bytedeco.pytorch.GenericDictIterator;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.ModelException;
import org.scorecam.error.TargetException;
import org.scorecam.tensor.Tensors;

/**
 * What a network returned: a tensor, or a dict, tuple or list of outputs.
 *
 * <p>Closing it frees every tensor in it.
 */
public final class ModelOutput implements AutoCloseable {
  private final Tensor tensor;
  private final Map<String, ModelOutput> parts;
  private final boolean keyed;

  private ModelOutput(Tensor tensor, Map<String, ModelOutput> parts, boolean keyed) {
    this.tensor = tensor;
    this.parts = parts;
    this.keyed = keyed;
  }

  /**
   * The output of a network that returns one tensor.
   *
   * @param tensor owned by the new object
   * @return the output
   */
  public static ModelOutput of(Tensor tensor) {
    return new ModelOutput(tensor, Map.of(), false);
  }

  /**
   * Unpacks what TorchScript returned.
   *
   * @param value a tensor, or a dict, tuple or list of such, at any depth; a {@code None} in them
   *     is skipped
   * @return the output; its tensors outlive the scope that is open
   */
  static ModelOutput of(IValue value) {
    if (value.isTensor()) {
      return of(new Tensor(value.toTensor()).<Tensor>retainReference());
    }
    Map<String, ModelOutput> parts = new LinkedHashMap<>();
    if (value.isGenericDict()) {
      GenericDict dict = value.toGenericDict();
      GenericDictIterator end = dict.end();
      for (GenericDictIterator entry = dict.begin();
          !entry.equals(end);
          entry = entry.increment()) {
        if (!entry.access().value().isNone()) {
          parts.put(keyOf(entry.access().key()), of(entry.access().value()));
        }
      }
      return new ModelOutput(null, parts, true);
    }
    List<IValue> elements = elementsOf(value);
    for (int i = 0; i < elements.size(); i++) {
      if (!elements.get(i).isNone()) {
        parts.put(Integer.toString(i), of(elements.get(i)));
      }
    }
    return new ModelOutput(null, parts, false);
  }

  /**
   * The tensor that the network returned.
   *
   * @return a tensor owned by this output
   * @throws TargetException if it returned a dict, tuple or list, with what can be chosen
   */
  public Tensor tensor() {
    if (tensor == null) {
      throw new TargetException(
          "the network's output is %s; choose one part of it with Target.from(…)"
              .formatted(describe()));
    }
    return tensor;
  }

  /**
   * One entry of a dict.
   *
   * @param key its key
   * @return the entry, owned by this output
   * @throws TargetException if the output is no dict or has no such key
   */
  public ModelOutput get(String key) {
    ModelOutput part = keyed ? parts.get(key) : null;
    if (part == null) {
      throw new TargetException(
          "the network's output has no entry '%s': it is %s".formatted(key, describe()));
    }
    return part;
  }

  /**
   * One element of a tuple, list or dict, in the order in which the network put them.
   *
   * @param position from 0
   * @return the element, owned by this output
   * @throws TargetException if there are fewer, or the output is one tensor
   */
  public ModelOutput get(int position) {
    List<ModelOutput> inOrder = new ArrayList<>(parts.values());
    ModelOutput part = keyed ? null : parts.get(Integer.toString(position));
    if (keyed && position >= 0 && position < inOrder.size()) {
      part = inOrder.get(position);
    }
    if (part == null) {
      throw new TargetException(
          "the network's output has no position %d: it is %s".formatted(position, describe()));
    }
    return part;
  }

  /**
   * The output's structure in words.
   *
   * @return for example {@code a dict with out: tensor [1, 21, 64, 64]}
   */
  public String describe() {
    if (tensor != null) {
      return "tensor " + Tensors.shapeOf(tensor);
    }
    return (keyed ? "a dict with " : "a tuple with ")
        + parts.entrySet().stream()
            .map(part -> part.getKey() + ": " + part.getValue().describe())
            .collect(joining(", "));
  }

  /** How many entries or elements it has; none if it is one tensor. */
  int size() {
    return parts.size();
  }

  /** Shows every tensor in this output, at any depth, in the network's order. */
  void forEachTensor(Consumer<Tensor> visitor) {
    if (tensor != null) {
      visitor.accept(tensor);
    }
    parts.values().forEach(part -> part.forEachTensor(visitor));
  }

  /** Frees every tensor in this output. Closing again does nothing. */
  @Override
  public void close() {
    if (tensor != null) {
      tensor.close();
    }
    parts.values().forEach(ModelOutput::close);
  }

  private static List<IValue> elementsOf(IValue value) {
    List<IValue> elements = new ArrayList<>();
    if (value.isTuple()) {
      IValueVector tuple = value.toTuple().elements().vec();
      for (long i = 0; i < tuple.size(); i++) {
        elements.add(tuple.get(i));
      }
    } else if (value.isList()) {
      GenericList list = value.toList();
      for (long i = 0; i < list.size(); i++) {
        elements.add(list.get(i));
      }
    } else {
      throw new ModelException(
          "the network returns a value of type %s; only tensors, and dicts, tuples and lists of tensors,"
                  .formatted(value.tagKind().getString())
              + " can be explained");
    }
    return elements;
  }

  private static String keyOf(IValue key) {
    return key.isString() ? key.toStringRef().getString() : Long.toString(key.toInt());
  }
}
