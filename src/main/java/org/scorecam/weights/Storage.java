package org.scorecam.weights;

/**
 * A run of elements that a pickle refers to and that lies outside of it.
 *
 * @param key its name within the file
 * @param dtype the type of its elements
 * @param elements how many
 */
record Storage(String key, DType dtype, long elements) {
  /** A piece of the file: from {@code begin} up to, not including, {@code end}. */
  record Region(long begin, long end) {
    long size() {
      return end - begin;
    }
  }

  /** How many bytes the elements take. */
  long bytes() throws MalformedFileException {
    try {
      return Math.multiplyExact(elements, dtype.bytes());
    } catch (ArithmeticException e) {
      throw new MalformedFileException(
          "storage '" + key + "' has " + elements + " elements, more than 64 bits can address", e);
    }
  }
}
