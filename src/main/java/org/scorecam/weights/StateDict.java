package org.scorecam.weights;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The weights in what a pickle holds, and their names.
 *
 * <p>They are the only dict of tensors, or the only pickled module, at whatever key of a
 * checkpoint's dict; a key chooses among several. A module's names are those of its attributes,
 * joined by dots: for Python's modules the parameters and buffers that a state dict has, for
 * TorchScript's also plain tensor attributes, which only its code could tell apart.
 */
final class StateDict {
  /** Nested modules; a dict in a dict in a checkpoint. */
  private static final int MAX_DEPTH = 64;

  /** Of all names together: a module used again has its names again, for two bytes of pickle. */
  private static final long CHARACTERS = 1 << 16;

  private static final long CHARACTERS_PER_BYTE = 64;

  /** What a name takes beside its own characters. */
  private static final long CHARACTERS_PER_NAME = 32;

  /** A dict with this many times fewer tensors than the largest is not taken for weights. */
  private static final long MUCH_SMALLER = 10;

  private static final int MAX_KEY = 200;
  private static final int MAX_LISTED = 20;

  /** Of an element of a list; no list of weights has a billion. */
  private static final Pattern INDEX = Pattern.compile("[0-9]{1,9}");

  private final long maxCharacters;
  private final Map<String, PickledTensor> tensors = new LinkedHashMap<>();
  private final Map<String, String> others = new LinkedHashMap<>();
  private final Set<PickledObject> path = Collections.newSetFromMap(new IdentityHashMap<>());
  private String key = "";
  private long characters;

  private StateDict(long maxCharacters) {
    this.maxCharacters = maxCharacters;
  }

  /** A key of a dict, and the keys that lead to the dict; joined only when somebody reads it. */
  private record Key(Key outer, String name) {
    @Override
    public String toString() {
      String shown = Printable.of(name, MAX_KEY);
      return outer == null ? shown : outer + "." + shown;
    }

    int depth() {
      int depth = 0;
      for (Key key = this; key != null; key = key.outer) {
        depth++;
      }
      return depth;
    }
  }

  /** A dict of tensors or a module, and where it is. */
  private record Candidate(Key key, Object value, long tensors) {
    @Override
    public String toString() {
      return "'%s' (%s)"
          .formatted(
              key == null ? "" : key,
              value instanceof PickledObject object && object.isModule()
                  ? "a module"
                  : tensors == 1 ? "1 tensor" : tensors + " tensors");
    }
  }

  /**
   * The weights in what was read from so many bytes of pickle.
   *
   * @param wanted which; empty for the only ones there are. Where nothing has this key, it may
   *     still be what the names begin with
   */
  static StateDict of(Object root, long pickleLength, String wanted) throws MalformedFileException {
    StateDict dict = new StateDict(CHARACTERS + CHARACTERS_PER_BYTE * pickleLength);
    if (root instanceof PickledObject module && module.isScript()) {
      dict.addScript("", module);
      return dict;
    }
    Object chosen = wanted.isEmpty() ? root : find(root, wanted);
    Key key = chosen == null || wanted.isEmpty() ? null : new Key(null, wanted);
    List<Candidate> candidates = candidates(key, chosen == null ? root : chosen);
    if (candidates.size() == 1) {
      dict.add(candidates.get(0));
    }
    if (chosen == null && !dict.hasNamesUnder(wanted)) {
      throw new MalformedFileException(
          "it has nothing under the key '" + wanted + "'; " + dict.instead(root, candidates));
    }
    if (candidates.isEmpty()) {
      throw new MalformedFileException(
          "it has no tensors"
              + (key == null ? "" : " under the key '" + key + "'")
              + "; it "
              + contents(chosen)
              + ". Save the network's weights with torch.save(model.state_dict(), FILE)");
    }
    if (candidates.size() > 1) {
      throw new MalformedFileException(
          "it has weights under several keys: "
              + list(candidates)
              + "; choose one with --weights-key, or in Java with WeightFile.open(path, key)");
    }
    return dict;
  }

  /** Where the weights were found. */
  String key() {
    return key;
  }

  /** The tensors by name, in the file's order. */
  Map<String, PickledTensor> tensors() {
    return tensors;
  }

  /** What has a name among the tensors without being one. */
  Map<String, String> others() {
    return others;
  }

  /**
   * The value under a key, whose dots may separate keys or belong to one; null if there is none.
   */
  private static Object find(Object value, String key) {
    Object found = child(value, key);
    for (int dot = key.indexOf('.'); found == null && dot >= 0; dot = key.indexOf('.', dot + 1)) {
      Object child = child(value, key.substring(0, dot));
      found = child == null ? null : find(child, key.substring(dot + 1));
    }
    return found;
  }

  /** What a key leads to: a dict's entry, a module's module, an element of a list by its index. */
  private static Object child(Object value, String key) {
    if (value instanceof List<?> list) {
      return INDEX.matcher(key).matches() && Integer.parseInt(key) < list.size()
          ? list.get(Integer.parseInt(key))
          : null;
    }
    boolean module = value instanceof PickledObject object && object.isModule();
    Map<?, ?> entries =
        module ? ((PickledObject) value).attribute("_modules") : PickledObject.entries(value);
    if (entries == null) {
      return null;
    }
    Object named = entries.get(key);
    return named == null && INDEX.matcher(key).matches() ? entries.get(Long.valueOf(key)) : named;
  }

  /** What in a list or tuple may hold weights, by its index. */
  private static Map<String, Object> dicts(List<?> list) {
    Map<String, Object> dicts = new LinkedHashMap<>();
    for (int i = 0; i < list.size(); i++) {
      Object element = list.get(i);
      if (element instanceof Map || element instanceof List || element instanceof PickledObject) {
        dicts.put(Integer.toString(i), element);
      }
    }
    return dicts;
  }

  private static List<Candidate> candidates(Key key, Object value) {
    List<Candidate> found = new ArrayList<>();
    collect(key, value, found, Collections.newSetFromMap(new IdentityHashMap<>()));
    long most = found.stream().mapToLong(Candidate::tensors).max().orElse(0);
    found.removeIf(candidate -> candidate.tensors() < most / MUCH_SMALLER);
    return found;
  }

  /** Adds what holds weights in a value, each dict once, however many keys lead to it. */
  private static void collect(Key key, Object value, List<Candidate> found, Set<Object> seen) {
    if (value instanceof PickledObject object && object.isModule()) {
      if (!seen.contains(value)) {
        found.add(new Candidate(key, value, countParameters(object, seen)));
      }
      return;
    }
    Map<?, ?> entries = value instanceof List<?> list ? dicts(list) : PickledObject.entries(value);
    Object identity = value instanceof List ? value : entries;
    if (entries == null || !seen.add(identity) || (key != null && key.depth() == MAX_DEPTH)) {
      return;
    }
    int first = found.size();
    long tensors = 0;
    long largest = 0;
    boolean weights = false;
    for (Map.Entry<?, ?> entry : entries.entrySet()) {
      // An optimizer's state has numbers for keys, or those of the weights it belongs to.
      if (entry.getKey() instanceof String name) {
        if (entry.getValue() instanceof PickledTensor tensor) {
          tensors++;
          weights |= !tensor.shape().isEmpty();
        } else if (!name.toLowerCase(Locale.ROOT).startsWith("optim")) {
          collect(new Key(key, name), entry.getValue(), found, seen);
        }
      }
    }
    for (Candidate inner : found.subList(first, found.size())) {
      largest = Math.max(largest, inner.tensors());
    }
    // Single tensors beside weights, or numbers alone, are metrics.
    if (weights && tensors > largest) {
      found.subList(first, found.size()).clear();
      found.add(new Candidate(key, value, tensors));
    }
  }

  /** Of a module and those in it that were not seen before; to compare it with others. */
  private static long countParameters(PickledObject root, Set<Object> seen) {
    Deque<PickledObject> modules = new ArrayDeque<>(List.of(root));
    long count = 0;
    while (!modules.isEmpty()) {
      PickledObject module = modules.pop();
      if (module.isModule() && seen.add(module)) {
        count += module.attribute("_parameters").size();
        for (Object child : module.attribute("_modules").values()) {
          if (child instanceof PickledObject object) {
            modules.push(object);
          }
        }
      }
    }
    return count;
  }

  private String instead(Object root, List<Candidate> candidates) {
    if (candidates.isEmpty()) {
      return "it " + contents(root);
    }
    return candidates.size() == 1
        ? "its names begin with "
            + NameList.ofFirstParts(tensors.keySet())
            + (key.isEmpty() ? "" : ", under the key '" + key + "'")
        : "it has weights under " + list(candidates);
  }

  private boolean hasNamesUnder(String wanted) {
    return tensors.keySet().stream().anyMatch(name -> name.startsWith(wanted + "."));
  }

  private void add(Candidate candidate) throws MalformedFileException {
    key = candidate.key() == null ? "" : candidate.key().toString();
    if (candidate.value() instanceof PickledObject object && object.isModule()) {
      addModule("", object);
    } else {
      addEntries("", PickledObject.entries(candidate.value()), Set.of());
    }
  }

  private void addScript(String prefix, PickledObject module) throws MalformedFileException {
    enter(module);
    for (Map.Entry<?, ?> entry : module.attributes().entrySet()) {
      if (!(entry.getKey() instanceof String attribute)) {
        throw new MalformedFileException(
            "a module has the attribute " + PickleReader.describe(entry.getKey()));
      }
      count(prefix.length() + attribute.length() + 1);
      if (entry.getValue() instanceof PickledTensor tensor) {
        add(prefix + attribute, tensor);
      } else if (entry.getValue() instanceof PickledObject child && child.isScript()) {
        addScript(prefix + attribute + ".", child);
      }
    }
    path.remove(module);
  }

  private void addModule(String prefix, PickledObject module) throws MalformedFileException {
    enter(module);
    addEntries(prefix, module.attribute("_parameters"), Set.of());
    Map<?, ?> buffers = module.attribute("_buffers");
    if (buffers != null) {
      addEntries(prefix, buffers, strings(module.attributes().get("_non_persistent_buffers_set")));
    }
    for (Map.Entry<?, ?> entry : module.attribute("_modules").entrySet()) {
      if (entry.getKey() instanceof String name
          && entry.getValue() instanceof PickledObject child) {
        count(prefix.length() + name.length() + 1);
        if (child.isModule()) {
          addModule(prefix + name + ".", child);
        } else {
          others.put(prefix + name, child.toString());
        }
      }
    }
    path.remove(module);
  }

  /** The strings in a set; what else it may have could have no hash. */
  private static Set<String> strings(Object set) {
    Set<String> strings = new HashSet<>();
    if (set instanceof List<?> list) {
      for (Object element : list) {
        if (element instanceof String string) {
          strings.add(string);
        }
      }
    }
    return strings;
  }

  private void enter(PickledObject module) throws MalformedFileException {
    if (path.size() == MAX_DEPTH || !path.add(module)) {
      throw new MalformedFileException(
          "its modules contain each other, or are nested more than " + MAX_DEPTH + " deep");
    }
  }

  private void addEntries(String prefix, Map<?, ?> entries, Set<String> without)
      throws MalformedFileException {
    for (Map.Entry<?, ?> entry : entries.entrySet()) {
      if (entry.getKey() instanceof String name && !without.contains(name)) {
        count(prefix.isEmpty() ? 0 : prefix.length() + name.length());
        if (entry.getValue() instanceof PickledTensor tensor) {
          add(prefix + name, tensor);
        } else {
          others.put(prefix + name, PickleReader.describe(entry.getValue()));
        }
      }
    }
  }

  private void count(int length) throws MalformedFileException {
    characters += length + CHARACTERS_PER_NAME;
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

  private static String list(List<Candidate> candidates) {
    String first =
        candidates.stream()
            .limit(MAX_LISTED)
            .map(Candidate::toString)
            .collect(Collectors.joining(", "));
    return candidates.size() > MAX_LISTED ? first + " and more" : first;
  }

  private static String contents(Object root) {
    Map<?, ?> entries = PickledObject.entries(root);
    if (entries == null) {
      return "holds "
          + PickleReader.describe(root)
          + (root instanceof PickledObject ? ", of which nothing was run" : "");
    }
    return entries.isEmpty()
        ? "is an empty dict"
        : "has the keys "
            + NameList.of(
                entries.keySet().stream()
                    .limit(MAX_LISTED)
                    .map(key -> key instanceof String name ? name : PickleReader.describe(key))
                    .toList())
            + (areArrays(entries.values()) ? ", whose values are NumPy arrays" : "");
  }

  private static boolean areArrays(Collection<?> values) {
    return values.stream()
        .allMatch(value -> value instanceof PickledObject object && object.isNumpyArray());
  }
}
