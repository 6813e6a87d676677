package org.scorecam.weights;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.scorecam.weights.TorchGlobals.ScriptObject;

/**
 * The names of the tensors in what a pickle holds.
 *
 * <p>A state dict is a dict of tensors, or one under {@code state_dict}, {@code model_state_dict}
 * or {@code model} in a checkpoint's dict. A TorchScript module's names are those of its
 * attributes, joined by dots: its parameters, its buffers, and plain tensor attributes, which only
 * its code could tell apart.
 */
final class StateDict {
  private static final List<String> WRAPPERS = List.of("state_dict", "model_state_dict", "model");

  /** Nested modules; a dict in a dict in a checkpoint. */
  private static final int MAX_DEPTH = 64;

  /** Of all names together: a module used again has its names again, for two bytes of pickle. */
  private static final long CHARACTERS = 1 << 16;

  private static final long CHARACTERS_PER_BYTE = 64;

  private final long maxCharacters;
  private final Map<String, PickledTensor> tensors = new LinkedHashMap<>();
  private final Set<ScriptObject> path = Collections.newSetFromMap(new IdentityHashMap<>());
  private long characters;

  private StateDict(long maxCharacters) {
    this.maxCharacters = maxCharacters;
  }

  /** The tensors by name, in order, in what was read from so many bytes of pickle. */
  static Map<String, PickledTensor> of(Object root, long pickleLength)
      throws MalformedFileException {
    StateDict dict = new StateDict(CHARACTERS + CHARACTERS_PER_BYTE * pickleLength);
    if (root instanceof ScriptObject module) {
      dict.addModule("", module);
    } else {
      dict.addTensors(unwrap(root));
    }
    return dict.tensors;
  }

  private static Map<?, ?> unwrap(Object root) throws MalformedFileException {
    Object value = root;
    for (int depth = 0; depth < MAX_DEPTH && value instanceof Map<?, ?> map; depth++) {
      Object inner =
          WRAPPERS.stream().map(map::get).filter(Map.class::isInstance).findFirst().orElse(null);
      if (inner == null) {
        if (map.values().stream().noneMatch(PickledTensor.class::isInstance)) {
          throw new MalformedFileException(
              "it holds no state dict; its keys are " + firstKeys(map));
        }
        return map;
      }
      value = inner;
    }
    throw new MalformedFileException(
        "it holds " + PickleReader.describe(value) + ", no state dict");
  }

  private void addTensors(Map<?, ?> dict) throws MalformedFileException {
    for (Map.Entry<?, ?> entry : dict.entrySet()) {
      if (!(entry.getKey() instanceof String name)
          || !(entry.getValue() instanceof PickledTensor tensor)) {
        throw new MalformedFileException(
            String.format(
                "its state dict has %s under %s, where a tensor with a name belongs",
                PickleReader.describe(entry.getValue()), PickleReader.describe(entry.getKey())));
      }
      add(name, tensor);
    }
  }

  private void addModule(String prefix, ScriptObject module) throws MalformedFileException {
    if (path.size() == MAX_DEPTH || !path.add(module)) {
      throw new MalformedFileException(
          "its modules contain each other, or are nested over " + MAX_DEPTH + " deep");
    }
    for (Map.Entry<?, ?> entry : module.attributes().entrySet()) {
      if (!(entry.getKey() instanceof String attribute)) {
        throw new MalformedFileException(
            "a module has the attribute " + PickleReader.describe(entry.getKey()));
      }
      count(prefix.length() + attribute.length() + 1);
      if (entry.getValue() instanceof PickledTensor tensor) {
        add(prefix + attribute, tensor);
      } else if (entry.getValue() instanceof ScriptObject child) {
        addModule(prefix + attribute + ".", child);
      }
    }
    path.remove(module);
  }

  private void count(int length) throws MalformedFileException {
    characters += length;
    if (characters > maxCharacters) {
      throw new MalformedFileException(
          "the names in its modules are over " + maxCharacters + " characters long");
    }
  }

  private void add(String name, PickledTensor tensor) throws MalformedFileException {
    if (tensors.put(name, tensor) != null) {
      throw new MalformedFileException("it has two tensors named '" + name + "'");
    }
  }

  private static String firstKeys(Map<?, ?> map) {
    return map.keySet().stream()
        .limit(8)
        .map(PickleReader::describe)
        .collect(Collectors.joining(", "));
  }
}
