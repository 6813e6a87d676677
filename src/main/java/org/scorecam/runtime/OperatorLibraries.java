package org.scorecam.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
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

  private OperatorLibraries() {}

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
    requireSameLibTorch(library);
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

  /** A second LibTorch would be loaded with the library, and end the process. */
  private static void requireSameLibTorch(Path library) {
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
        tail = text.substring(Math.max(0, text.length() - OVERLAP));
      }
    } catch (IOException e) {
      throw new NativeLibraryException(library + " cannot be read: " + e.getMessage(), e);
    }
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
