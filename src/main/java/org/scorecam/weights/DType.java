package org.scorecam.weights;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The element types that weight files hold and LibTorch computes with. */
public enum DType {
  /** IEEE double precision. */
  FLOAT64(8, true, ScalarType.Double, "F64", "DoubleStorage"),
  /** IEEE single precision. */
  FLOAT32(4, true, ScalarType.Float, "F32", "FloatStorage"),
  /** IEEE half precision. */
  FLOAT16(2, true, ScalarType.Half, "F16", "HalfStorage"),
  /** The upper half of a single-precision number. */
  BFLOAT16(2, true, ScalarType.BFloat16, "BF16", "BFloat16Storage"),
  /** Signed, 64 bits. */
  INT64(8, false, ScalarType.Long, "I64", "LongStorage"),
  /** Signed, 32 bits. */
  INT32(4, false, ScalarType.Int, "I32", "IntStorage"),
  /** Signed, 16 bits. */
  INT16(2, false, ScalarType.Short, "I16", "ShortStorage"),
  /** Signed, 8 bits. */
  INT8(1, false, ScalarType.Char, "I8", "CharStorage"),
  /** Unsigned, 8 bits. */
  UINT8(1, false, ScalarType.Byte, "U8", "ByteStorage"),
  /** A truth value in a byte. */
  BOOL(1, false, ScalarType.Bool, "BOOL", "BoolStorage");

  private static final Map<String, DType> BY_SAFETENSORS = index(type -> type.safetensors);
  private static final Map<String, DType> BY_STORAGE = index(type -> type.storage);

  private final int bytes;
  private final boolean floating;
  private final ScalarType torch;
  private final String safetensors;
  private final String storage;

  DType(int bytes, boolean floating, ScalarType torch, String safetensors, String storage) {
    this.bytes = bytes;
    this.floating = floating;
    this.torch = torch;
    this.safetensors = safetensors;
    this.storage = storage;
  }

  /**
   * The size of one element.
   *
   * @return in bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Whether it has fractions, infinities and NaN.
   *
   * @return true for the four floating-point types
   */
  public boolean isFloating() {
    return floating;
  }

  /**
   * LibTorch's name of it.
   *
   * @return the scalar type
   */
  public ScalarType toTorch() {
    return torch;
  }

  /**
   * Whether a network's weights of another type can be filled with weights of this one: those of
   * all floating-point types with each other's, as PyTorch does; integers only with their own.
   *
   * @param other what to convert to
   * @return true if so
   */
  public boolean convertsTo(DType other) {
    return this == other || (floating && other.floating);
  }

  /**
   * PyTorch's name.
   *
   * @return such as {@code float32}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The type of a tensor, or null if it is none of these. */
  static DType of(Tensor tensor) {
    ScalarType wanted = tensor.scalar_type().intern();
    return Arrays.stream(values()).filter(type -> type.torch == wanted).findFirst().orElse(null);
  }

  /** The type that a safetensors header calls so, or null. */
  static DType ofSafetensors(String name) {
    return BY_SAFETENSORS.get(name);
  }

  /** The type of the elements of one of PyTorch's storage classes, or null. */
  static DType ofStorage(String className) {
    return BY_STORAGE.get(className);
  }

  private static Map<String, DType> index(Function<DType, String> name) {
    return Arrays.stream(values()).collect(Collectors.toUnmodifiableMap(name, type -> type));
  }
}
