package org.scorecam.runtime;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;

/**
 * Loads LibTorch once per process and sets it up for scoring many masked inputs.
 *
 * <p>Everything that touches LibTorch goes through {@link #load()} first, mostly by way of {@link
 * NativeScope#open()}. What is set, and why; {@link #setUp()} says what came of it:
 *
 * <ul>
 *   <li><b>OpenBLAS to one thread.</b> Its worker threads spin after each matrix product and take
 *       cores from the OpenMP threads that run the next convolution. {@code
 *       -Dscorecam.openblas.threads=N} sets another number, 0 leaves OpenBLAS alone.
 *   <li><b>Intra-op threads</b> stay at LibTorch's own choice, one per physical core, unless {@code
 *       -Dscorecam.threads=N} says otherwise.
 *   <li><b>NNPACK off.</b> oneDNN's convolutions are faster. {@code -Dscorecam.nnpack=on} leaves it
 *       to LibTorch.
 *   <li><b>TF32 off</b> on CUDA, where cuDNN's convolutions round to it unasked.
 *   <li><b>cuDNN tries its algorithms</b> for each shape when it first meets it, and takes the
 *       fastest: chunks have one shape, and a warm-up. {@code -Dscorecam.cudnn.benchmark=off} has
 *       it guess.
 *   <li><b>The allocator</b> keeps large blocks, in <b>huge pages</b>: see {@code
 *       org.scorecam.kernel}, whose native library has it.
 *   <li><b>JavaCPP's limit on resident memory off.</b> It is derived from the Java heap, so that a
 *       small heap would refuse tensors that the machine has room for. {@code
 *       -Dorg.bytedeco.javacpp.maxPhysicalBytes=…} brings it back.
 * </ul>
 */
public final class LibTorch {
  /** System property: threads that OpenBLAS may use; 0 leaves its own choice. */
  public static final String OPENBLAS_THREADS = "scorecam.openblas.threads";

  /** System property: threads that one LibTorch operator may use. */
  public static final String THREADS = "scorecam.threads";

  /** System property: {@code on} leaves the choice of NNPACK to LibTorch; off unless set. */
  public static final String NNPACK = "scorecam.nnpack";

  /** System property: {@code off} leaves the choice of cuDNN's algorithms to its heuristics. */
  public static final String CUDNN_BENCHMARK = "scorecam.cudnn.benchmark";

  /** JavaCPP's. */
  static final String MAX_PHYSICAL_BYTES = "org.bytedeco.javacpp.maxPhysicalBytes";

  private static volatile boolean loaded;

  /** In the order in which they were taken. */
  private static volatile List<SetUpStep> taken = List.of();

  /** What each step came to, by its name. */
  private static final Map<String, String> APPLIED =
      Collections.synchronizedMap(new LinkedHashMap<>());

  private LibTorch() {}

  /**
   * Loads and sets up LibTorch; from the second call on does nothing.
   *
   * @throws NativeLibraryException if the natives are missing or do not fit this machine
   */
  public static void load() {
    if (!loaded) {
      loadOnce();
    }
  }

  /**
   * Loads a library that brings operators of its own, such as torchvision's, for networks from
   * files that call them. It stays loaded for as long as the process runs.
   *
   * @param library the shared library, built for this LibTorch and platform
   * @return the operators that it registered, such as {@code torchvision::nms}; none if it was
   *     loaded before, or is one of another LibTorch
   * @throws NativeLibraryException if there is no such file or it cannot be loaded
   */
  public static Set<String> loadOperators(Path library) {
    load();
    return OperatorLibraries.load(library);
  }

  /**
   * Sets how many threads one LibTorch operator may use, for the whole process.
   *
   * @param threads at least 1
   * @throws IllegalArgumentException if it is less
   */
  public static void setThreads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + threads);
    }
    load();
    torch.set_num_threads(threads);
  }

  /**
   * How many threads one LibTorch operator may use.
   *
   * @return at least 1
   */
  public static int threads() {
    load();
    return torch.get_num_threads();
  }

  /**
   * What was set when LibTorch was loaded, and what could not be.
   *
   * @return the settings' names, and what was done, in words
   */
  public static Map<String, String> setUp() {
    load();
    return Collections.unmodifiableMap(new LinkedHashMap<>(APPLIED));
  }

  /** Gives back to the system what the process keeps for tensors to come. */
  static void releaseKept() {
    load();
    taken.forEach(SetUpStep::releaseKept);
    Pointer.trimMemory();
  }

  private static synchronized void loadOnce() {
    if (loaded) {
      return;
    }
    // Read once, when JavaCPP's Pointer is initialised: before anything else of JavaCPP.
    if (System.getProperty(MAX_PHYSICAL_BYTES) == null) {
      System.setProperty(MAX_PHYSICAL_BYTES, "0");
    }
    try {
      Loader.load(openblas.class);
      Loader.load(torch.class);
    } catch (LinkageError | RuntimeException e) {
      throw new NativeLibraryException(
          "LibTorch cannot be loaded on "
              + Loader.Detector.getPlatform()
              + ": "
              + NativeErrors.messageOf(e)
              + "; is the jar of org.bytedeco:pytorch for this platform on the class path?",
          e);
    }
    List<SetUpStep> steps = new ArrayList<>(LibTorchSettings.all());
    ServiceLoader.load(SetUpStep.class, LibTorch.class.getClassLoader()).forEach(steps::add);
    for (SetUpStep step : steps) {
      APPLIED.put(step.name(), step.apply());
    }
    taken = List.copyOf(steps);
    loaded = true;
  }
}
