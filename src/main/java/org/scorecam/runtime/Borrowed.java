package org.scorecam.runtime;

import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * A value that belongs to someone else, such as a switch of LibTorch's for the whole process, and
 * is ours for a while. Given back only if it still has our value: what somebody has set in between
 * stays. Not safe for several threads.
 *
 * @param <T> compared by {@code equals}
 */
final class Borrowed<T> {
  private final Supplier<T> reading;
  private final Consumer<T> writing;

  /** Both null while it is not borrowed. */
  private T theirs;

  private T ours;

  Borrowed(Supplier<T> reading, Consumer<T> writing) {
    this.reading = reading;
    this.writing = writing;
  }

  /**
   * Takes it.
   *
   * @param change makes our value from theirs
   */
  void take(UnaryOperator<T> change) {
    T found = reading.get();
    ours = write(found, change.apply(found));
    theirs = found;
  }

  /** Changes our value while it is borrowed. */
  void change(UnaryOperator<T> change) {
    T found = reading.get();
    if (found.equals(ours)) {
      ours = write(found, change.apply(theirs));
    }
  }

  /** Gives it back. */
  void giveBack() {
    T found = reading.get();
    if (found.equals(ours)) {
      write(found, theirs);
    }
    theirs = null;
    ours = null;
  }

  /** What is read afterwards, which is what counts as ours: it may be another form of the same. */
  private T write(T found, T wanted) {
    if (found.equals(wanted)) {
      return found;
    }
    writing.accept(wanted);
    return reading.get();
  }
}
