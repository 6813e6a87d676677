package org.scorecam.weights;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * A tensor as it lies in a file: {@code position} is the byte of its first element, {@code strides}
 * count elements, and {@code span} is the bytes from its first to its last element, 0 if it has
 * none.
 *
 * <p>{@link #within} is the only maker: whatever it returns lies inside the bytes it was given.
 */
record StoredTensor(TensorInfo info, List<Long> strides, long position, long span) {
  /** LibTorch itself sets no limit; no network comes near this one. */
  static final int MAX_RANK = 16;

  /** {@link #within} with the strides of a dense tensor in row-major order. */
  static StoredTensor dense(String name, TensorInfo info, long begin, long end)
      throws MalformedFileException {
    List<Long> strides = new ArrayList<>(Collections.nCopies(info.shape().size(), 1L));
    try {
      for (int i = info.shape().size() - 2; i >= 0; i--) {
        strides.set(
            i, Math.multiplyExact(strides.get(i + 1), Math.max(1, info.shape().get(i + 1))));
      }
    } catch (ArithmeticException e) {
      throw tooLarge(name, info);
    }
    return within(name, info, strides, 0, begin, end);
  }

  /**
   * Checks that a tensor lies inside a storage.
   *
   * @param offset of the first element from the storage's start, in elements
   * @param begin the storage's first byte in the file
   * @param end the byte behind its last
   */
  static StoredTensor within(
      String name, TensorInfo info, List<Long> strides, long offset, long begin, long end)
      throws MalformedFileException {
    List<Long> shape = info.shape();
    if (shape.size() > MAX_RANK) {
      throw new MalformedFileException(
          "tensor '" + name + "' has " + shape.size() + " dimensions; at most " + MAX_RANK);
    }
    if (shape.size() != strides.size()) {
      throw new MalformedFileException(
          "tensor '" + name + "' has the shape " + shape + " but the strides " + strides);
    }
    if (offset < 0
        || shape.stream().anyMatch(size -> size < 0)
        || strides.stream().anyMatch(stride -> stride < 0)) {
      throw new MalformedFileException(
          String.format(
              "tensor '%s' has a negative size, stride or offset: shape %s, strides %s, offset %d",
              name, shape, strides, offset));
    }
    int bytes = info.dtype().bytes();
    try {
      long elements = 1;
      long last = 0;
      for (int i = 0; i < shape.size(); i++) {
        // Sizes of 0 are left out, so that no product of the others overflows in LibTorch either.
        elements = Math.multiplyExact(elements, Math.max(1, shape.get(i)));
        last = Math.addExact(last, Math.multiplyExact(shape.get(i) - 1, strides.get(i)));
      }
      Math.multiplyExact(elements, bytes);
      if (shape.contains(0L)) {
        return new StoredTensor(info, List.copyOf(strides), begin, 0);
      }
      long span = Math.multiplyExact(last + 1, bytes);
      long position = Math.addExact(begin, Math.multiplyExact(offset, bytes));
      if (Math.addExact(position, span) > end) {
        throw new MalformedFileException(
            String.format(
                "tensor '%s' (%s, strides %s, offset %d) needs %d bytes, but its storage has %d",
                name, info, strides, offset, position + span - begin, end - begin));
      }
      return new StoredTensor(info, List.copyOf(strides), position, span);
    } catch (ArithmeticException e) {
      throw tooLarge(name, info);
    }
  }

  private static MalformedFileException tooLarge(String name, TensorInfo info) {
    return new MalformedFileException(
        "tensor '" + name + "' (" + info + ") is larger than 64 bits can address");
  }
}
