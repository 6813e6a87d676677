package org.scorecam.error;

import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns what LibTorch throws across JNI into errors of ours. */
public final class NativeErrors {
  /** What stands, in small letters, in what is said where memory could not be had. */
  private static final List<String> OUT_OF_MEMORY =
      List.of(
          // CUDA's allocator, runtime and driver, oneDNN's words, C10's fixed arenas.
          "out of memory",
          "cudaerrormemoryallocation",
          "cuda_error_out_of_memory",
          // cuBLAS, cuBLASLt, cuDNN up to 8, cuSOLVER; cuDNN from 9 on.
          "_status_alloc_failed",
          "allocation_failed",
          // The CPU's allocator on POSIX and on Windows.
          "can't allocate memory",
          "defaultcpuallocator: not enough memory",
          // What the C library says of ENOMEM, as to mapping a file, and C++'s new on both.
          "cannot allocate memory",
          "unable to mmap memory",
          "std::bad_alloc",
          "bad allocation",
          // JavaCPP, where its error has become the cause of another.
          "failed to allocate memory within limits",
          "physical memory usage is too high",
          "native allocator returned address == 0");

  /** What is said for want of memory, but not for that alone. */
  private static final List<String> OFTEN_OUT_OF_MEMORY =
      List.of(
          // No algorithm is left whose workspace can be had, or that takes so many images.
          "cudnn_status_not_supported",
          "cublas_status_not_supported",
          "unable to find an engine to execute this computation",
          // Their handles' own memory.
          "cudnn_status_not_initialized",
          "cublas_status_not_initialized");

  /** An error as Python writes it: LibTorch's own, or one that the program raised. */
  private static final Pattern RAISED =
      Pattern.compile("(?:\\w+\\.)*(\\w*(?:Error|Exception)): ?(.*)");

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
      throw outOfMemory(e);
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
      throw outOfMemory(e);
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
    String words = text == null ? "" : wordsOf(text);
    return words.isEmpty() ? thrown.getClass().getSimpleName() : words;
  }

  /**
   * As {@link #messageOf}, of a text that came another way.
   *
   * @param text what LibTorch said
   * @return one line; empty if it said nothing
   */
  public static String wordsOf(String text) {
    String words = "";
    for (String line : text.lines().toList()) {
      String trimmed = line.strip();
      if (trimmed.startsWith("Exception raised from") || trimmed.startsWith("frame #")) {
        break;
      }
      // The TorchScript interpreter puts the error it met last, after its own traceback.
      Matcher raised = RAISED.matcher(trimmed);
      if (raised.matches()) {
        words = raised.group(raised.group(2).isEmpty() ? 1 : 2);
      } else if (words.isEmpty()) {
        words = trimmed;
      }
    }
    return words;
  }

  /**
   * Whether less work may succeed: native work failed for want of memory, or in a way in which
   * cuDNN and cuBLAS also fail for it. They answer so to what they cannot do at all as well, so
   * that {@link #translate} makes no {@link NativeMemoryException} of it.
   *
   * @param thrown what came through JNI, or an error of ours
   * @return true if the same may be tried with less
   */
  public static boolean isOutOfMemory(RuntimeException thrown) {
    String words = messageOf(thrown);
    return thrown instanceof NativeMemoryException
        || isOutOfMemory(words)
        || has(words, OFTEN_OUT_OF_MEMORY);
  }

  private static boolean isOutOfMemory(String words) {
    return has(words, OUT_OF_MEMORY);
  }

  private static boolean has(String words, List<String> signs) {
    String lower = words.toLowerCase(Locale.ROOT);
    return signs.stream().anyMatch(lower::contains);
  }

  private static NativeMemoryException outOfMemory(OutOfMemoryError e) {
    String words = messageOf(e);
    // JavaCPP's own limits, in whose messages their names stand.
    String advice =
        words.contains("maxPhysicalBytes") || words.contains("maxBytes")
            ? "; that is a limit of JavaCPP's, which"
                + " -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 lifts"
            : "";
    return new NativeMemoryException("out of memory: " + words + advice, e);
  }
}
