package org.scorecam.runtime;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * The half of LibTorch that runs on CUDA, where the natives on the class path have one, and what it
 * is linked with.
 *
 * <p>On Linux we load it ourselves. JavaCPP would load it by way of {@code libtorch}, which is
 * empty but for its links to both halves; where a library of CUDA is missing that fails, and
 * JavaCPP goes on to any other {@code libtorch} on the system's library path, with which the
 * process would have two LibTorches and crash.
 */
final class CudaHalf {
  /** What LibTorch's natives that have it need for the CPU as well. */
  private static final List<String> NEEDED_ON_CPU = List.of("libcudart.so.13", "libcupti.so.13");

  /** But for these, and for the driver, which LibTorch asks for when it counts devices. */
  private static final List<String> NEEDED =
      List.of(
          "libcublasLt.so.13",
          "libcublas.so.13",
          "libcufft.so.12",
          "libcurand.so.10",
          "libcusparse.so.12",
          "libcusolver.so.12",
          "libcudnn.so.9",
          "libnccl.so.2",
          "libcufile.so.0");

  private static final List<String> LIBRARIES =
      List.of("c10_cuda", "torch_cuda", "torch_cuda_linalg");

  private static final String DRIVER = "libcuda.so.1";

  /**
   * What the dynamic linker says of a library that it does not find; in its words about one that it
   * finds, the name is a path. What comes after it is in the language of the process.
   */
  private static final Pattern NOT_FOUND = Pattern.compile("([^/:]+): .*");

  private CudaHalf() {}

  /** The classifier of the natives that have it. */
  static String classifier() {
    return Loader.getPlatform() + "-gpu";
  }

  /** Whether the natives on the class path have it. */
  static boolean isOnClassPath() {
    return unpacked("torch_cuda") != null;
  }

  /** Whether LibTorch has it; it may still find no driver or device. */
  static boolean isLoaded() {
    return Context.hasCUDART();
  }

  /** Has JavaCPP leave {@code libtorch} out; before LibTorch is loaded. */
  static void standInForBoth() {
    File harmless = unpacked("c10");
    if (isOurs() && harmless != null) {
      Loader.loadLibrary(torch.class, new URL[] {urlOf(harmless)}, "torch");
    }
  }

  /**
   * Loads it, unless a library that it needs cannot be loaded; after LibTorch is loaded, and with
   * it what the jars on the class path have of CUDA.
   */
  static void load() {
    if (isOurs() && failuresOf(NEEDED).isEmpty()) {
      for (String library : LIBRARIES) {
        try {
          Loader.loadLibrary(torch.class, new URL[] {urlOf(unpacked(library))}, library);
        } catch (UnsatisfiedLinkError e) {
          // Without it there is the CPU. CudaState says why when somebody asks.
          return;
        }
      }
    }
  }

  /** Why it, or what it needs, cannot be loaded, in the dynamic linker's words. */
  static List<String> failures() {
    List<String> failures = failuresOf(NEEDED);
    return failures.isEmpty()
        ? failuresOf(LIBRARIES.stream().map(library -> unpacked(library).getPath()).toList())
        : failures;
  }

  /** The same where LibTorch cannot be loaded at all; none if that is for another reason. */
  static List<String> failuresOnCpu() {
    return isOurs() ? failuresOf(NEEDED_ON_CPU) : List.of();
  }

  private static List<String> failuresOf(List<String> libraries) {
    return libraries.stream()
        .map(CudaHalf::failureOf)
        .filter(failure -> !failure.isEmpty())
        .toList();
  }

  /** The libraries that are not found, as it says in {@link #failures}. */
  static List<String> notFound(List<String> failures) {
    return failures.stream()
        .map(NOT_FOUND::matcher)
        .filter(Matcher::matches)
        .map(notFound -> notFound.group(1))
        .distinct()
        .toList();
  }

  /** Whether NVIDIA's driver is found; on other systems than Linux, LibTorch must say. */
  static boolean hasDriver() {
    return !isForLinux() || failureOf(DRIVER).isEmpty();
  }

  private static boolean isOurs() {
    return isForLinux() && isOnClassPath();
  }

  private static boolean isForLinux() {
    return classifier().startsWith("linux");
  }

  /** Null where the natives with CUDA are not on the class path. */
  private static File unpacked(String library) {
    String resource =
        "/org/bytedeco/pytorch/%s/%s".formatted(classifier(), System.mapLibraryName(library));
    try {
      return Loader.cacheResource(torch.class, resource);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "%s cannot be unpacked: %s".formatted(resource, e.getMessage()), e);
    }
  }

  private static URL urlOf(File file) {
    try {
      return file.toURI().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Why a library cannot be loaded, in the dynamic linker's words; empty where it can be. */
  static String failureOf(String library) {
    try {
      Loader.loadGlobal(library);
      return "";
    } catch (UnsatisfiedLinkError e) {
      return String.valueOf(e.getMessage());
    }
  }
}
