package org.scorecam.error;

import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/** Turns what LibTorch throws across JNI into errors of ours. */
public final class NativeErrors {
  private NativeErrors() {}

  /**
   * Runs native work and gives its failure a name.
   *
   * @param work calls into LibTorch
   * @param as makes the error from LibTorch's own words and from what it threw
   * @param <T> what the work returns
   * @return what the work returned
   * @throws NativeMemoryException if LibTorch could not allocate, whatever {@code as} says
   * @throws ScoreCamException what {@code as} makes of any other failure; one thrown by the work
   *     itself passes unchanged
   */
  public static <T> T translate(
      Supplier<T> work, BiFunction<String, RuntimeException, ? extends ScoreCamException> as) {
    try {
      return work.get();
    } catch (ScoreCamException ours) {
      throw ours;
    } catch (OutOfMemoryError e) {
      throw new NativeMemoryException("out of memory: " + messageOf(e), e);
    } catch (RuntimeException e) {
      String words = messageOf(e);
      if (isOutOfMemory(words)) {
        throw new NativeMemoryException("out of native memory: " + words, e);
      }
      throw as.apply(words, e);
    }
  }

  /**
   * As {@link #translate}, for work that also runs what the caller gave: what comes from there, or
   * is an error of use, passes unchanged.
   *
   * @param work calls into LibTorch
   * @param as makes the error from LibTorch's own words and from what it threw
   * @param <T> what the work returns
   * @return what the work returned
   * @throws NativeMemoryException if LibTorch could not allocate
   * @throws ScoreCamException what {@code as} makes of what LibTorch threw
   */
  public static <T> T translateNative(
      Supplier<T> work, BiFunction<String, RuntimeException, ? extends ScoreCamException> as) {
    RuntimeException thrown;
    try {
      return work.get();
    } catch (OutOfMemoryError e) {
      throw new NativeMemoryException("out of memory: " + messageOf(e), e);
    } catch (RuntimeException e) {
      // JavaCPP throws C++'s exceptions as this very class.
      if (e.getClass() != RuntimeException.class) {
        throw e;
      }
      thrown = e;
    }
    return translate(
        () -> {
          throw thrown;
        },
        as);
  }

  /**
   * What LibTorch had to say, without its C++ stack trace and without the source of a TorchScript
   * program.
   *
   * @param thrown what came through JNI
   * @return one line
   */
  public static String messageOf(Throwable thrown) {
    String text = thrown.getMessage();
    if (text == null || text.isBlank()) {
      return thrown.getClass().getSimpleName();
    }
    String words = null;
    for (String line : text.lines().toList()) {
      String trimmed = line.strip();
      if (trimmed.startsWith("Exception raised from") || trimmed.startsWith("frame #")) {
        break;
      }
      // The TorchScript interpreter puts the error it met last, after its own traceback.
      if (trimmed.startsWith("RuntimeError: ")) {
        words = trimmed.substring("RuntimeError: ".length());
      } else if (words == null && !trimmed.isEmpty()) {
        words = trimmed;
      }
    }
    return words == null ? thrown.getClass().getSimpleName() : words;
  }

  /**
   * Whether native work failed for want of memory.
   *
   * @param thrown what came through JNI, or an error of ours
   * @return true if less work may succeed
   */
  public static boolean isOutOfMemory(RuntimeException thrown) {
    return thrown instanceof NativeMemoryException || isOutOfMemory(messageOf(thrown));
  }

  private static boolean isOutOfMemory(String words) {
    String lower = words.toLowerCase(Locale.ROOT);
    return lower.contains("out of memory")
        || lower.contains("can't allocate memory")
        || lower.contains("std::bad_alloc");
  }
}
