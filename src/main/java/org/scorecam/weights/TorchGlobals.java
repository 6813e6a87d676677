package org.scorecam.weights;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * The few names that weights need, and what each stands for here. Every other name becomes a {@link
 * PickledObject}, which does nothing.
 *
 * <p>Sources: {@code torch/_utils.py} and {@code torch/serialization.py} for state dicts, {@code
 * torch/csrc/jit/serialization/pickler.cpp} and {@code torch/jit/_pickle.py} for TorchScript and
 * LibTorch's archives. Nothing of a class but its attributes is read: its code and its {@code
 * __setstate__} are not.
 */
final class TorchGlobals implements PickleReader.Globals {
  /** Makes a value of a call's arguments. */
  @FunctionalInterface
  private interface Function {
    Object apply(List<?> arguments) throws MalformedFileException;
  }

  /** The class of a storage's elements. */
  private record StorageClass(DType dtype) {}

  /**
   * Bytes of an element of the storages that nothing here computes with, but that may lie among
   * those of weights.
   */
  private static final Map<String, Integer> OTHER_STORAGES =
      Map.of(
          "ComplexDoubleStorage", 16,
          "ComplexFloatStorage", 8,
          "QInt32Storage", 4,
          "QInt8Storage", 1,
          "QUInt8Storage", 1,
          "QUInt4x2Storage", 1,
          "QUInt2x4Storage", 1);

  private static final Function FIRST_ARGUMENT = arguments -> argument(arguments, 0);
  private static final Function SUBCLASS = TorchGlobals::subclass;
  private static final Function SET =
      arguments -> arguments.isEmpty() ? new ArrayList<>() : argument(arguments, 0);

  /** By module and name. */
  private static final Map<String, Map<String, Function>> FUNCTIONS =
      Map.of(
          "collections",
          Map.of(
              "OrderedDict",
              TorchGlobals::orderedDict,
              "defaultdict",
              arguments -> new LinkedHashMap<>()),
          "builtins",
          Map.of("set", SET, "frozenset", SET),
          "__builtin__",
          Map.of("set", SET, "frozenset", SET),
          "torch",
          Map.of("Size", FIRST_ARGUMENT, "device", FIRST_ARGUMENT),
          "torch._utils",
          Map.of(
              "_rebuild_tensor",
              TorchGlobals::tensor,
              "_rebuild_tensor_v2",
              TorchGlobals::tensor,
              "_rebuild_parameter",
              FIRST_ARGUMENT,
              "_rebuild_parameter_with_state",
              FIRST_ARGUMENT),
          "torch._tensor",
          Map.of("_rebuild_from_type_v2", SUBCLASS),
          "torch.nn.parameter",
          Map.of("Parameter", FIRST_ARGUMENT, "Buffer", FIRST_ARGUMENT),
          "torch.jit._pickle",
          Map.of(
              "build_intlist", FIRST_ARGUMENT,
              "build_doublelist", FIRST_ARGUMENT,
              "build_boollist", FIRST_ARGUMENT,
              "build_tensorlist", FIRST_ARGUMENT,
              "restore_type_tag", FIRST_ARGUMENT));

  private final Map<String, Storage> storages = new HashMap<>();

  /** The bytes of an element, by the keys of storages that cannot be used. */
  private final Map<String, Integer> otherStorages = new HashMap<>();

  /** The storages that were referred to so far, by their keys. */
  Map<String, Storage> storages() {
    return storages;
  }

  /** The bytes of an element of a storage whose tensors cannot be used; nothing if unknown. */
  OptionalInt otherElementBytes(String key) {
    Integer bytes = otherStorages.get(key);
    return bytes == null ? OptionalInt.empty() : OptionalInt.of(bytes);
  }

  @Override
  public Object find(String module, String name) {
    // Weights that were saved on a GPU, before the zip format, have torch.cuda.
    if (module.equals("torch") || module.equals("torch.cuda")) {
      DType dtype = DType.ofStorage(name);
      if (dtype != null) {
        return new StorageClass(dtype);
      }
    }
    Function function = FUNCTIONS.getOrDefault(module, Map.of()).get(name);
    return function == null ? new PickledObject(module, name) : function;
  }

  @Override
  public Object call(Object callee, List<?> arguments) throws MalformedFileException {
    if (callee instanceof Function function) {
      return function.apply(arguments);
    }
    if (callee instanceof PickledObject unknown) {
      return unknown.call();
    }
    throw new MalformedFileException("its pickle calls " + PickleReader.describe(callee));
  }

  @Override
  public void build(Object object, Object state) throws MalformedFileException {
    if (object instanceof PickledObject unknown) {
      unknown.setState(state);
    } else if (!(object instanceof Map) && !(object instanceof PickledTensor)) {
      throw new MalformedFileException(
          "its pickle gives a state to " + PickleReader.describe(object));
    }
    // An OrderedDict's state is the versions of PyTorch's modules, a Parameter's are its hooks.
  }

  @Override
  public Object persistent(Object id) throws MalformedFileException {
    if (id instanceof List<?> parts && !parts.isEmpty()) {
      if ("storage".equals(parts.get(0)) && (parts.size() == 5 || parts.size() == 6)) {
        return storage(parts);
      }
      // A class, with its source code, before the zip format.
      if ("module".equals(parts.get(0)) && parts.size() == 4) {
        return parts.get(1);
      }
    }
    throw new MalformedFileException("its pickle refers to something other than a storage");
  }

  /** {@code ('storage', type, key, location, elements[, view])}. */
  private Object storage(List<?> parts) throws MalformedFileException {
    if (parts.get(1) instanceof PickledObject unsupported) {
      Integer bytes = OTHER_STORAGES.get(unsupported.name());
      if (bytes != null && parts.get(2) instanceof String key) {
        otherStorages.put(key, bytes);
      }
      return unsupported.call();
    }
    if (parts.get(1) instanceof StorageClass type
        && parts.get(2) instanceof String key
        && parts.get(4) instanceof Long elements) {
      Storage storage = new Storage(key, type.dtype(), elements);
      Storage before = storages.putIfAbsent(key, storage);
      if (before != null && !before.equals(storage)) {
        throw new MalformedFileException(
            "its pickle describes one storage as " + before + " and as " + storage);
      }
      // A storage that views another one, which PyTorch has not had since 0.4.
      boolean view = parts.size() == 6 && parts.get(5) != null;
      return view ? new PickledObject("torch", "Storage") : storage;
    }
    throw new MalformedFileException("its pickle has a storage without type, key or size");
  }

  /** Empty in Python 3's pickles, made of a list of pairs in Python 2's. */
  private static Object orderedDict(List<?> arguments) throws MalformedFileException {
    Map<Object, Object> result = new LinkedHashMap<>();
    if (!arguments.isEmpty()) {
      List<?> pairs = asList(argument(arguments, 0));
      for (Object pair : pairs) {
        List<?> entry = asList(pair);
        if (entry.size() != 2) {
          throw new MalformedFileException("its pickle has a dict whose entries are not pairs");
        }
        if (!(entry.get(0) instanceof List) && !(entry.get(0) instanceof Map)) {
          result.put(entry.get(0), entry.get(1));
        }
      }
      // Moved, not copied: a list that is used again costs two bytes, and must cost no memory.
      pairs.clear();
    }
    return result;
  }

  /** {@code (storage, offset, size, stride, requires_grad, hooks[, metadata])}. */
  private static Object tensor(List<?> arguments) throws MalformedFileException {
    if (argument(arguments, 0) instanceof PickledObject unsupported) {
      return unsupported;
    }
    if (!(argument(arguments, 0) instanceof Storage storage)
        || !(argument(arguments, 1) instanceof Long offset)) {
      throw new MalformedFileException("its pickle has a tensor without storage or offset");
    }
    // Marks of lazily conjugated or negated values.
    if (arguments.size() > 6 && arguments.get(6) instanceof Map<?, ?> marks && !marks.isEmpty()) {
      return new PickledObject("torch", "Tensor, conjugated or negated");
    }
    return new PickledTensor(
        storage, offset, integers(argument(arguments, 2)), integers(argument(arguments, 3)));
  }

  /** {@code (function, type, arguments, state)}: a tensor of a class of its own. */
  private static Object subclass(List<?> arguments) throws MalformedFileException {
    // Not one within another, which a file could nest without end.
    return argument(arguments, 0) instanceof Function function && function != SUBCLASS
        ? function.apply(asList(argument(arguments, 2)))
        : new PickledObject("torch", "Tensor");
  }

  private static Object argument(List<?> arguments, int index) throws MalformedFileException {
    if (index >= arguments.size()) {
      throw new MalformedFileException("its pickle calls a function with too few arguments");
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
