package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.scorecam.error.TargetException;

/**
 * Some neighbouring places along one dimension of a network's output, written as in Python: {@code
 * 3} is one place, {@code 2:5} are the places 2, 3 and 4, {@code 2:} all from 2 on, and {@code :}
 * is the whole dimension.
 *
 * @param from the first place, from 0
 * @param to the place after the last; {@link #END} for the end of the dimension
 */
public record Slice(long from, long to) {
  /** In place of the end of a dimension, however long it is. */
  public static final long END = Long.MAX_VALUE;

  private static final Pattern NOTATION = Pattern.compile("(\\d{1,18})|(\\d{0,18}):(\\d{0,18})");

  /**
   * Checks the places.
   *
   * @param from the first place, from 0
   * @param to the place after the last
   * @throws TargetException if a place is negative, or there is none between them
   */
  public Slice {
    if (from < 0 || to < 0) {
      throw new TargetException(
          "the range %d:%d starts or ends before 0: indices start at 0".formatted(from, to));
    }
    if (to <= from) {
      throw new TargetException(
          "the range %d:%d is %s: it must end after it starts"
              .formatted(from, to, to == from ? "empty" : "reversed"));
    }
  }

  /**
   * One place.
   *
   * @param index from 0
   * @return a slice of length 1
   * @throws TargetException if it is negative
   */
  public static Slice at(long index) {
    if (index < 0) {
      throw new TargetException("%d is not an index: indices start at 0".formatted(index));
    }
    // No dimension is so long that it matters which of the last numbers this is.
    long place = Math.min(index, END - 2);
    return new Slice(place, place + 1);
  }

  /**
   * Neighbouring places.
   *
   * @param from the first, from 0
   * @param to the one after the last
   * @return the slice {@code from:to}
   * @throws TargetException if one is negative, or {@code to} is not larger than {@code from}
   */
  public static Slice of(long from, long to) {
    return new Slice(from, to);
  }

  /**
   * A whole dimension.
   *
   * @return the slice {@code :}
   */
  public static Slice all() {
    return new Slice(0, END);
  }

  /**
   * Reads Python's notation.
   *
   * @param notation such as {@code 3}, {@code 2:5}, {@code 2:}, {@code :5} or {@code :}
   * @return the slice
   * @throws TargetException if it is written otherwise, or empty
   */
  public static Slice parse(String notation) {
    Matcher parts = NOTATION.matcher(requireNonNull(notation, "notation").strip());
    if (!parts.matches()) {
      throw new TargetException(
          "'%s' is neither an index nor a range; write 3, 2:5 or :, counting from 0"
              .formatted(notation));
    }
    if (parts.group(1) != null) {
      return at(Long.parseLong(parts.group(1)));
    }
    return new Slice(
        parts.group(2).isEmpty() ? 0 : Long.parseLong(parts.group(2)),
        parts.group(3).isEmpty() ? END : Long.parseLong(parts.group(3)));
  }

  /** Whether it is a single place. */
  boolean isIndex() {
    return to == from + 1;
  }

  /** Whether a dimension of this size has all of its places. */
  boolean isWithin(long size) {
    return from < size && (to == END || to <= size);
  }

  /** How many places of a dimension of this size it takes, which must have them all. */
  long lengthIn(long size) {
    return Math.min(to, size) - from;
  }

  /**
   * Python's notation.
   *
   * @return what {@link #parse} reads
   */
  @Override
  public String toString() {
    return isIndex() ? Long.toString(from) : (from == 0 ? "" : from) + ":" + (to == END ? "" : to);
  }
}
