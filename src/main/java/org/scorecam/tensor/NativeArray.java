package org.scorecam.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Memory with a shape, as native code of this process hands it over: what to give to scorecam and
 * what to take from it without a copy.
 *
 * <p>It owns nothing. Whoever allocated the memory frees it, after the last tensor that {@link
 * #asTensor} made of it is closed; memory that {@link #of} shows is the tensor's, and may be read
 * until that is closed. On a CUDA device, work on it runs in LibTorch's current stream: native code
 * with a stream of its own waits for the other first.
 *
 * @param address of the first element, on the device
 * @param shape sizes, outermost first; empty for a single number
 * @param strides elements, not bytes, from one index to the next, for each size; not negative
 * @param dtype of the elements
 * @param device where the memory is
 */
public record NativeArray(
    long address, List<Long> shape, List<Long> strides, ScalarType dtype, Device device) {
  /**
   * Checks and copies the lists.
   *
   * @param address see the record
   * @param shape see the record
   * @param strides see the record
   * @param dtype see the record
   * @param device see the record
   * @throws InputException if the address is null though there are elements, if sizes and strides
   *     differ in number, or if one of them is negative
   */
  public NativeArray {
    shape = List.copyOf(Objects.requireNonNull(shape, "shape"));
    strides = List.copyOf(Objects.requireNonNull(strides, "strides"));
    Objects.requireNonNull(device, "device");
    // LibTorch's own come as new objects, which equal no constant.
    dtype = Objects.requireNonNull(dtype, "dtype").intern();
    if (shape.size() != strides.size()
        || shape.stream().anyMatch(size -> size < 0)
        || strides.stream().anyMatch(stride -> stride < 0)) {
      throw new InputException(
          "an array cannot have the shape %s with the strides %s".formatted(shape, strides));
    }
    if (address == 0 && !shape.contains(0L)) {
      throw new InputException("an array of shape %s cannot be at address 0".formatted(shape));
    }
  }

  /**
   * Elements in row-major order without gaps.
   *
   * @param address of the first element, on the device
   * @param dtype of the elements
   * @param device where the memory is
   * @param shape sizes, outermost first
   * @return a description of that memory
   * @throws InputException as the constructor throws it
   */
  public static NativeArray contiguous(
      long address, ScalarType dtype, Device device, long... shape) {
    Objects.requireNonNull(shape, "shape");
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride = multiply(stride, Math.max(1, shape[i]), shape);
    }
    return new NativeArray(address, listOf(shape), listOf(strides), dtype, device);
  }

  private static long multiply(long stride, long size, long[] shape) {
    try {
      return Math.multiplyExact(stride, size);
    } catch (ArithmeticException e) {
      throw new InputException(
          "the shape %s has more elements than 64 bits can count".formatted(Arrays.toString(shape)),
          e);
    }
  }

  /**
   * A tensor's memory.
   *
   * @param tensor any dense tensor on the CPU or a CUDA device; stays the caller's
   * @return a description of its memory, valid until the tensor is closed
   * @throws InputException if it is no such tensor, or if its values are not those of its memory,
   *     as after {@code conj()}
   */
  public static NativeArray of(Tensor tensor) {
    Tensors.requireMemory(Objects.requireNonNull(tensor, "tensor"));
    try (NativeScope scope = NativeScope.open()) {
      // Null where there are no elements.
      Pointer data = tensor.data_ptr();
      return new NativeArray(
          data == null ? 0 : data.address(),
          listOf(tensor.shape()),
          listOf(tensor.strides().vec().get()),
          tensor.scalar_type(),
          deviceOf(tensor));
    }
  }

  private static Device deviceOf(Tensor tensor) {
    String name = tensor.device().str().getString();
    if (!tensor.is_cpu() && !tensor.is_cuda()) {
      throw new InputException(
          "the tensor of shape %s is on %s, and an array is on the CPU or a CUDA device"
              .formatted(Tensors.shapeOf(tensor), name));
    }
    return Device.parse(name);
  }

  /**
   * The memory as a tensor, without a copy.
   *
   * @return a tensor, owned by the caller; closing it leaves the memory alone
   * @throws InputException if LibTorch refuses it, for example for an address of another device, if
   *     it has no such elements or they are quantised, or if they lie further apart than 63 bits
   *     can count
   * @throws org.scorecam.error.DeviceException if there is no such device
   */
  public Tensor asTensor() {
    device.require();
    requireCountable(bytesOfElement());
    try (NativeScope scope = NativeScope.open()) {
      TensorOptions options = new TensorOptions(dtype).device(new DeviceOptional(device.toTorch()));
      return NativeErrors.translate(
          () ->
              scope.keep(
                  torch.from_blob(new Address(address), arrayOf(shape), arrayOf(strides), options)),
          (words, e) -> new InputException("%s cannot be used: %s".formatted(this, words), e));
    }
  }

  /** Refuses elements that are no tensor's; LibTorch ends the process for some. */
  long bytesOfElement() {
    if (torch.isQIntType(dtype)) {
      throw new InputException(
          "elements of type %s have a scale beside their memory, which is not known here"
              .formatted(dtype));
    }
    return NativeErrors.translate(
        () -> torch.elementSize(dtype),
        (words, e) -> new InputException("there are no elements of type " + dtype, e));
  }

  /**
   * LibTorch ends the process where it cannot count the bytes from the first element to the last.
   */
  private void requireCountable(long bytesOfElement) {
    if (shape.contains(0L)) {
      return;
    }
    try {
      long elements = 1;
      for (int i = 0; i < shape.size(); i++) {
        long steps = shape.get(i) - 1;
        elements = Math.addExact(elements, Math.multiplyExact(steps, strides.get(i)));
      }
      Math.multiplyExact(elements, bytesOfElement);
    } catch (ArithmeticException e) {
      throw new InputException(
          "an array of shape %s with the strides %s has more bytes between its elements than 63 bits can count"
              .formatted(shape, strides),
          e);
    }
  }

  private static List<Long> listOf(long[] values) {
    return LongStream.of(values).boxed().toList();
  }

  private static long[] arrayOf(List<Long> values) {
    return values.stream().mapToLong(Long::longValue).toArray();
  }

  /** A pointer to memory that is someone else's. */
  private static final class Address extends Pointer {
    Address(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
