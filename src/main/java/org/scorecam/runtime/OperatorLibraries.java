package org.scorecam.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.OperatorName;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;

/** Libraries that bring operators of their own into LibTorch, such as torchvision's. */
public final class OperatorLibraries {
  /** LibTorch's libraries under a name with a version, as Linux distributions give them. */
  private static final Pattern OTHER_LIBTORCH =
      Pattern.compile("lib(?:torch|torch_cpu|c10)\\.so\\.[\\d.]+");

  private static final int BLOCK = 1 << 20;

  /** More than such a name is long. */
  private static final int OVERLAP = 64;

  /** Operators of other libraries that we defined ourselves. */
  private static final Set<String> STAND_INS = new HashSet<>();

  private OperatorLibraries() {}

  /**
   * Defines an operator of a library that is not loaded. That library cannot be loaded afterwards:
   * LibTorch ends the process when an operator is defined twice.
   *
   * @param operator such as {@code torchvision::nms}
   * @param definition defines it, or returns false
   * @return what the definition returned
   */
  public static synchronized boolean standIn(String operator, BooleanSupplier definition) {
    boolean defined = definition.getAsBoolean();
    if (defined) {
      STAND_INS.add(operator);
    }
    return defined;
  }

  /**
   * What such a library must be.
   *
   * @return with the version of LibTorch that is loaded
   */
  public static String requirement() {
    return "built for LibTorch "
        + Diagnostics.versionOf("org.bytedeco", "pytorch").replaceFirst("-.*", "");
  }

  /**
   * As {@link LibTorch#loadOperators}.
   *
   * @param library its path
   * @return what it registered
   */
  static synchronized Set<String> load(Path library) {
    if (!Files.isRegularFile(library)) {
      throw new NativeLibraryException(
          Files.exists(library)
              ? library + " is not a file; a shared library is needed"
              : library + " does not exist; a shared library with operators is needed");
    }
    requireLoadable(library);
    Set<String> before = names();
    try {
      // Not for the whole process: what it shares with other libraries stays with those.
      System.load(library.toAbsolutePath().toString());
    } catch (LinkageError | RuntimeException e) {
      throw new NativeLibraryException(
          "the operators of %s cannot be loaded: %s. The library must be %s, for this platform, and the"
                  .formatted(library, NativeErrors.messageOf(e), requirement())
              + " libraries that it needs must be where the system looks for them",
          e);
    }
    Set<String> registered = names();
    registered.removeAll(before);
    return registered;
  }

  /** Looks for what would end the process: a second LibTorch, and an operator defined twice. */
  private static void requireLoadable(Path library) {
    try (InputStream in = Files.newInputStream(library)) {
      String tail = "";
      for (byte[] block = in.readNBytes(BLOCK); block.length > 0; block = in.readNBytes(BLOCK)) {
        String text = tail + new String(block, StandardCharsets.ISO_8859_1);
        Matcher other = OTHER_LIBTORCH.matcher(text);
        if (other.find()) {
          throw new NativeLibraryException(
              "the operators of %s cannot be loaded: it needs %s, another LibTorch; a library %s is"
                      .formatted(library, other.group(), requirement())
                  + " needed");
        }
        STAND_INS.stream()
            .filter(operator -> declares(text, operator))
            .findFirst()
            .ifPresent(operator -> refuse(library, operator));
        tail = text.substring(Math.max(0, text.length() - OVERLAP));
      }
    } catch (IOException e) {
      throw new NativeLibraryException(library + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static boolean declares(String text, String operator) {
    String name = operator.replaceFirst(".*::", "");
    return Pattern.compile("(?<!\\w)" + name + "\\(Tensor ").matcher(text).find();
  }

  private static void refuse(Path library, String operator) {
    throw new NativeLibraryException(
        ("the operators of %s cannot be loaded any more: scorecam has defined %s itself, for a network"
                + " that was loaded before, and an operator cannot be defined twice. Load the library"
                + " before the first network, or set -D%s=off")
            .formatted(library, operator, LibTorchSettings.VISION_OPERATORS));
  }

  private static Set<String> names() {
    Set<String> names = new TreeSet<>();
    try (NativeScope scope = NativeScope.open()) {
      OperatorName all = Dispatcher.singleton().getAllOpNames();
      for (long i = 0; i < all.limit(); i++) {
        names.add(all.getPointer(OperatorName.class, i).name().getString());
      }
    }
    return names;
  }
}
