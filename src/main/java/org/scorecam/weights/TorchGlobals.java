package org.scorecam.weights;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The few names that state dicts and TorchScript files may use, and what each stands for here.
 * Every other name is refused before anything is made of it.
 *
 * <p>Sources: {@code torch/_utils.py} and {@code torch/serialization.py} for state dicts, {@code
 * torch/csrc/jit/serialization/pickler.cpp} and {@code torch/jit/_pickle.py} for TorchScript and
 * LibTorch's archives. Nothing of a TorchScript class but its attributes is read: its code and its
 * {@code __setstate__} are not.
 */
final class TorchGlobals implements PickleReader.Globals {
  /** An instance of a TorchScript class: a module, mostly. */
  static final class ScriptObject {
    private Map<?, ?> attributes = Map.of();

    Map<?, ?> attributes() {
      return attributes;
    }
  }

  /** Makes a value of a call's arguments. */
  @FunctionalInterface
  private interface Function {
    Object apply(List<?> arguments) throws MalformedFileException;
  }

  /** The class of a storage's elements. */
  private record StorageClass(DType dtype) {}

  /** Where TorchScript puts all classes. */
  private static final String SCRIPT_CLASSES = "__torch__";

  private static final Function FIRST_ARGUMENT = arguments -> argument(arguments, 0);

  private static final Map<String, Function> FUNCTIONS =
      Map.ofEntries(
          Map.entry("collections.OrderedDict", TorchGlobals::orderedDict),
          Map.entry("torch._utils._rebuild_tensor", TorchGlobals::tensor),
          Map.entry("torch._utils._rebuild_tensor_v2", TorchGlobals::tensor),
          Map.entry("torch._utils._rebuild_parameter", FIRST_ARGUMENT),
          Map.entry("torch.nn.parameter.Parameter", FIRST_ARGUMENT),
          Map.entry("torch.Size", FIRST_ARGUMENT),
          Map.entry("torch.device", FIRST_ARGUMENT),
          Map.entry("torch.jit._pickle.build_intlist", FIRST_ARGUMENT),
          Map.entry("torch.jit._pickle.build_doublelist", FIRST_ARGUMENT),
          Map.entry("torch.jit._pickle.build_boollist", FIRST_ARGUMENT),
          Map.entry("torch.jit._pickle.build_tensorlist", FIRST_ARGUMENT),
          Map.entry("torch.jit._pickle.restore_type_tag", FIRST_ARGUMENT));

  private final Map<String, Storage> storages = new HashMap<>();

  /** The storages that were referred to so far, by their keys. */
  Map<String, Storage> storages() {
    return storages;
  }

  @Override
  public Object find(String module, String name) throws MalformedFileException {
    if (module.equals(SCRIPT_CLASSES) || module.startsWith(SCRIPT_CLASSES + ".")) {
      return (Function) arguments -> new ScriptObject();
    }
    // Weights that were saved on a GPU, before the zip format.
    if (module.equals("torch") || module.equals("torch.cuda")) {
      DType dtype = DType.ofStorage(name);
      if (dtype != null) {
        return new StorageClass(dtype);
      }
    }
    Function function = FUNCTIONS.get(module + "." + name);
    if (function == null) {
      throw new MalformedFileException(
          "its pickle asks for "
              + module
              + "."
              + name
              + ", which no state dict needs; nothing of it was run");
    }
    return function;
  }

  @Override
  public Object call(Object callee, List<?> arguments) throws MalformedFileException {
    if (callee instanceof Function function) {
      return function.apply(arguments);
    }
    throw new MalformedFileException("its pickle calls " + PickleReader.describe(callee));
  }

  @Override
  public void build(Object object, Object state) throws MalformedFileException {
    if (object instanceof ScriptObject script) {
      // A class with its own __setstate__ may have any state: it has no attributes to read.
      if (state instanceof Map<?, ?> attributes) {
        script.attributes = attributes;
      }
    } else if (!(object instanceof Map) && !(object instanceof PickledTensor)) {
      throw new MalformedFileException(
          "its pickle gives a state to " + PickleReader.describe(object));
    }
    // An OrderedDict's state is the versions of PyTorch's modules, a Parameter's are its hooks.
  }

  @Override
  public Object persistent(Object id) throws MalformedFileException {
    if (id instanceof List<?> parts
        && (parts.size() == 5 || (parts.size() == 6 && parts.get(5) == null))
        && "storage".equals(parts.get(0))
        && parts.get(1) instanceof StorageClass type
        && parts.get(2) instanceof String key
        && parts.get(4) instanceof Long elements) {
      Storage storage = new Storage(key, type.dtype(), elements);
      Storage before = storages.putIfAbsent(key, storage);
      if (before != null && !before.equals(storage)) {
        throw new MalformedFileException(
            "its pickle describes one storage as " + before + " and as " + storage);
      }
      return storage;
    }
    throw new MalformedFileException("its pickle refers to something that is no storage");
  }

  /** Empty in Python 3's pickles, made of a list of pairs in Python 2's. */
  private static Object orderedDict(List<?> arguments) throws MalformedFileException {
    Map<Object, Object> result = new LinkedHashMap<>();
    if (!arguments.isEmpty()) {
      List<?> pairs = asList(argument(arguments, 0));
      for (Object pair : pairs) {
        if (!(asList(pair).size() == 2 && asList(pair).get(0) instanceof String name)) {
          throw new MalformedFileException("its pickle has a dict whose entries are no pairs");
        }
        result.put(name, asList(pair).get(1));
      }
      // Moved, not copied: a list that is used again costs two bytes, and must cost no memory.
      pairs.clear();
    }
    return result;
  }

  /** {@code (storage, offset, size, stride, requires_grad, hooks[, metadata])}. */
  private static Object tensor(List<?> arguments) throws MalformedFileException {
    if (!(argument(arguments, 0) instanceof Storage storage)
        || !(argument(arguments, 1) instanceof Long offset)) {
      throw new MalformedFileException("its pickle has a tensor without storage or offset");
    }
    // Marks of lazily conjugated or negated values.
    if (arguments.size() > 6 && arguments.get(6) instanceof Map<?, ?> marks && !marks.isEmpty()) {
      throw new MalformedFileException("its pickle has a tensor with metadata");
    }
    return new PickledTensor(
        storage, offset, integers(argument(arguments, 2)), integers(argument(arguments, 3)));
  }

  private static Object argument(List<?> arguments, int index) throws MalformedFileException {
    if (index >= arguments.size()) {
      throw new MalformedFileException("its pickle calls with too few arguments");
    }
    return arguments.get(index);
  }

  private static List<?> asList(Object value) throws MalformedFileException {
    if (value instanceof List<?> list) {
      return list;
    }
    throw new MalformedFileException(
        "its pickle has " + PickleReader.describe(value) + " where a list belongs");
  }

  private static List<Long> integers(Object value) throws MalformedFileException {
    List<?> list = asList(value);
    if (list.size() > StoredTensor.MAX_RANK) {
      throw new MalformedFileException("its pickle has a tensor of " + list.size() + " dimensions");
    }
    List<Long> result = new ArrayList<>();
    for (Object element : list) {
      if (!(element instanceof Long number)) {
        throw new MalformedFileException(
            "its pickle has " + PickleReader.describe(element) + " for a size or stride");
      }
      result.add(number);
    }
    return result;
  }
}
