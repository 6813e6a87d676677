package org.scorecam.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;

/**
 * Loads LibTorch once per process and sets it up as {@link LibTorchSettings} says.
 *
 * <p>Everything that touches LibTorch goes through {@link #load()} first, mostly by way of {@link
 * NativeScope#open()}. {@link #setUp()} says what is set and what could not be.
 */
public final class LibTorch {
  /** What {@link #setUp} calls the threads of an operation. */
  static final String INTRA_OP_THREADS = "intra-op threads";

  private static final System.Logger LOG = System.getLogger(LibTorch.class.getName());

  /** What is said of values that are given back. */
  private static final String WHILE_WORKING = " during our work";

  /** JavaCPP's properties, in the order in which they win. */
  private static final List<String> JAVACPP_LIMITS =
      List.of("org.bytedeco.javacpp.maxPhysicalBytes", "org.bytedeco.javacpp.maxphysicalbytes");

  private static LibTorchSettings wanted = LibTorchSettings.defaults();

  /** Null until LibTorch is loaded and set up. */
  private static volatile Loaded loaded;

  /** Threads of one operation in our work; 0 for one per physical core. */
  private static volatile int threads;

  /**
   * What there is once LibTorch is loaded.
   *
   * @param steps that were taken, in their order
   * @param words what each setting came to, by its name
   */
  private record Loaded(
      ThreadCounts threadCounts,
      PhysicalCores cores,
      ProcessValues values,
      List<SetUpStep> steps,
      Map<String, String> words) {}

  /** Of the presets' folders: none, and that of the natives with CUDA. */
  private static final List<String> PRESETS_EXTENSIONS = List.of("", "-gpu");

  /** LibTorch's, those with CUDA among them. */
  private static final List<String> LIBRARIES =
      List.of("c10", "torch_cpu", "torch", "c10_cuda", "torch_cuda", "torch_cuda_linalg");

  private LibTorch() {}

  /**
   * Chooses settings; system properties win over them.
   *
   * @param settings in place of those chosen before
   * @throws IllegalStateException if LibTorch was loaded through us before
   */
  public static synchronized void use(LibTorchSettings settings) {
    if (loaded != null) {
      throw new IllegalStateException(
          "LibTorch is loaded and set up already; choose its settings before anything else");
    }
    wanted = settings;
  }

  /**
   * Loads and sets up LibTorch; from the second call on does nothing.
   *
   * @throws NativeLibraryException if the natives are missing or do not fit this machine
   * @throws IllegalArgumentException if a system property of {@link LibTorchSettings} has a value
   *     that does not exist; nothing is loaded or set then
   */
  public static void load() {
    if (loaded == null) {
      loadOnce();
    }
  }

  /**
   * Loads a library that brings operators of its own, such as torchvision's, for networks from
   * files that call them. It stays loaded for as long as the process runs. Load it before the first
   * network: from then on, torchvision's {@code nms} and {@code roi_align} may be defined by us.
   *
   * @param library the shared library, built for this LibTorch and platform
   * @return the operators that it registered, such as {@code torchvision::nms}; none if it was
   *     loaded before, or is one of another LibTorch
   * @throws NativeLibraryException if there is no such file, it cannot be loaded, or it brings an
   *     operator that we have defined
   */
  public static Set<String> loadOperators(Path library) {
    load();
    return OperatorLibraries.load(library);
  }

  /**
   * Sets how many threads one LibTorch operation may use in our work that begins from now on,
   * whatever {@link LibTorchSettings} say. Others who use LibTorch in this process do not notice.
   *
   * @param count at least 1
   * @throws IllegalArgumentException if it is less
   */
  public static void setThreads(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + count);
    }
    load();
    threads = count;
  }

  /**
   * How many threads one LibTorch operation may use in our work.
   *
   * @return at least 1; one per physical core that the process may use, unless something else is
   *     set or somebody gave LibTorch another number for the calling thread
   */
  public static int threads() {
    int wanted = wantedThreads();
    int ofFreeCores = LibTorchWork.threadsOfFreeCores();
    return wanted > 0 ? wanted : ofFreeCores > 0 ? ofFreeCores : torch.get_num_threads();
  }

  /**
   * Whether each thread can have its own number of threads for LibTorch's operations, as it can
   * where they are OpenMP's.
   *
   * @return whether {@link LibTorchWork#begin(int)} concerns the calling thread alone
   */
  public static boolean countsForEachThread() {
    return threadCounts().areOfEachThread();
  }

  /**
   * What is set, and what could not be.
   *
   * @return the settings' names, and what was done, in words: first what holds during our work,
   *     then what was set for the process
   */
  public static Map<String, String> setUp() {
    load();
    Map<String, String> words = new LinkedHashMap<>(loaded.words);
    int now = threads;
    if (now > 0 && !words.get(INTRA_OP_THREADS).startsWith(now + WHILE_WORKING)) {
      words.put(INTRA_OP_THREADS, now + WHILE_WORKING + ", set since the start");
    }
    return Collections.unmodifiableMap(words);
  }

  /** Whether it is loaded and set up; does not load it. */
  static boolean isLoaded() {
    return loaded != null;
  }

  static ProcessValues values() {
    load();
    return loaded.values;
  }

  static ThreadCounts threadCounts() {
    load();
    return loaded.threadCounts;
  }

  /** As many as the calling thread is to have in our work; 0 to leave it what it has. */
  static int wantedThreads() {
    load();
    return threads > 0 ? threads : loaded.cores.insteadOf(torch.get_num_threads());
  }

  /** Whether the program or its user named a number of threads for our work. */
  static boolean hasGivenThreads() {
    return threads > 0;
  }

  /** The threads that OpenBLAS has during our work; 0 where the BLAS is another. */
  static int openBlasThreads() {
    ThreadCounts counts = threadCounts();
    try (LibTorchWork work = LibTorchWork.begin()) {
      return counts.hasOpenBlas() ? counts.ofOpenBlas() : 0;
    }
  }

  /** Gives back to the system what the process keeps for tensors to come. */
  static void releaseKept() {
    load();
    loaded.steps.forEach(SetUpStep::releaseKept);
    Pointer.trimMemory();
  }

  /** As {@link SetUpStep#forgetPeak}. */
  static void forgetPeak() {
    load();
    loaded.steps.forEach(SetUpStep::forgetPeak);
  }

  /** As {@link SetUpStep#peak}. */
  static OptionalLong peak() {
    load();
    return loaded.steps.stream()
        .map(SetUpStep::peak)
        .filter(OptionalLong::isPresent)
        .findFirst()
        .orElse(OptionalLong.empty());
  }

  /**
   * Unpacks LibTorch's libraries before the first is loaded. They refer to each other, and JavaCPP
   * unpacks each just before it loads it: what one refers to that is not there yet would be taken
   * from another LibTorch on the system's library path, where there is one, and the process would
   * have two.
   */
  private static void unpackTogether() {
    for (String extension : PRESETS_EXTENSIONS) {
      String folder = "/org/bytedeco/pytorch/" + Loader.getPlatform() + extension + "/";
      for (String library : LIBRARIES) {
        String resource = folder + System.mapLibraryName(library);
        try {
          Loader.cacheResource(torch.class, resource);
        } catch (IOException e) {
          throw new UncheckedIOException(
              "%s cannot be unpacked: %s".formatted(resource, e.getMessage()), e);
        }
      }
    }
  }

  private static synchronized void loadOnce() {
    if (loaded != null) {
      return;
    }
    LibTorchSettings settings = wanted.withProperties();
    Map<String, String> ofTheProcess = new LinkedHashMap<>();
    ofTheProcess.put("JavaCPP's limit", loadLibraries(settings));
    boolean setsUp = settings.isOn(LibTorchSettings.SET_UP);
    List<SetUpStep> taken = new ArrayList<>();
    for (SetUpStep step : ServiceLoader.load(SetUpStep.class, LibTorch.class.getClassLoader())) {
      ofTheProcess.put(
          step.name(), setsUp ? step.apply(settings) : settings.leftAlone(LibTorchSettings.SET_UP));
      if (setsUp) {
        taken.add(step);
      }
    }
    ThreadCounts counts = new ThreadCounts();
    PhysicalCores cores = PhysicalCores.ofThisProcess();
    Map<String, String> words = ofOurWork(settings, counts, cores);
    words.putAll(ofTheProcess);
    threads = settings.threadsOf(LibTorchSettings.THREADS);
    loaded =
        new Loaded(counts, cores, new ProcessValues(settings, counts), List.copyOf(taken), words);
    if (setsUp) {
      tellOf(ofTheProcess);
    }
  }

  private static void tellOf(Map<String, String> ofTheProcess) {
    LOG.log(
        System.Logger.Level.INFO,
        "LibTorch is set up for this process (-D"
            + LibTorchSettings.SET_UP
            + "=off leaves it alone): "
            + ofTheProcess.entrySet().stream()
                .map(entry -> entry.getKey() + " " + entry.getValue())
                .collect(Collectors.joining("; ")));
  }

  /** Says in words what became of JavaCPP's limit. */
  private static String loadLibraries(LibTorchSettings settings) {
    try {
      String limit = liftJavaCppLimit(settings); // Before anything else of JavaCPP.
      Loader.load(openblas.class);
      unpackTogether();
      CudaHalf.standInForBoth();
      Loader.load(torch.class);
      CudaHalf.load();
      return limit;
    } catch (LinkageError | RuntimeException e) {
      String reason =
          CudaState.withoutLibTorch(CudaHalf.failuresOnCpu())
              .orElseGet(
                  () ->
                      NativeErrors.messageOf(e)
                          + "; is the jar of org.bytedeco:pytorch for this platform on the class path?");
      throw new NativeLibraryException(
          "LibTorch cannot be loaded on %s: %s".formatted(Loader.Detector.getPlatform(), reason),
          e);
    }
  }

  /**
   * Lifts JavaCPP's limit on resident memory, which it reads from system properties when its
   * pointers are initialised, and leaves the properties as they were.
   */
  private static String liftJavaCppLimit(LibTorchSettings settings) {
    boolean said = JAVACPP_LIMITS.stream().anyMatch(name -> System.getProperty(name) != null);
    boolean lifts = settings.isOn(LibTorchSettings.SET_UP) && !said;
    if (lifts) {
      System.setProperty(JAVACPP_LIMITS.get(0), "0");
    }
    long bytes;
    try {
      bytes = Pointer.maxPhysicalBytes();
    } finally {
      if (lifts) {
        System.clearProperty(JAVACPP_LIMITS.get(0));
      }
    }
    if (bytes == 0) {
      return "off";
    }
    String origin =
        said
            ? "-D" + JAVACPP_LIMITS.get(0)
            : lifts ? "JavaCPP was in use before" : settings.originOf(LibTorchSettings.SET_UP);
    return "%d MiB of resident memory (%s)".formatted(bytes >> 20, origin);
  }

  /** The threads of an operation in words, where no setting says how many. */
  private static String unlessSet(int threads, PhysicalCores cores) {
    int counted = cores.insteadOf(threads);
    return counted == 0
        ? threads + ", LibTorch's choice"
        : "%d%s, one per physical core (LibTorch counts %d)"
            .formatted(counted, WHILE_WORKING, threads);
  }

  /** In words, by the settings' names. */
  private static Map<String, String> ofOurWork(
      LibTorchSettings settings, ThreadCounts counts, PhysicalCores cores) {
    Map<String, String> words = new LinkedHashMap<>();
    int blas = settings.threadsOf(LibTorchSettings.OPENBLAS_THREADS);
    words.put(
        "OpenBLAS threads",
        blas == 0
            ? settings.leftAlone(LibTorchSettings.OPENBLAS_THREADS)
            : counts.hasOpenBlas()
                ? blas + WHILE_WORKING
                : "as they were (this BLAS does not tell)");
    int ofOperation = settings.threadsOf(LibTorchSettings.THREADS);
    words.put(
        INTRA_OP_THREADS,
        ofOperation == 0
            ? unlessSet(torch.get_num_threads(), cores)
            : "%d%s (%s)"
                .formatted(
                    ofOperation, WHILE_WORKING, settings.originOf(LibTorchSettings.THREADS)));
    words.put(
        "NNPACK",
        settings.isOn(LibTorchSettings.NNPACK)
            ? settings.leftAlone(LibTorchSettings.NNPACK)
            : "off" + WHILE_WORKING);
    words.put("TF32", "off" + WHILE_WORKING + ", but for the precision of that name");
    words.put(
        "cuDNN benchmark",
        settings.isOn(LibTorchSettings.CUDNN_BENCHMARK)
            ? "on" + WHILE_WORKING
            : settings.leftAlone(LibTorchSettings.CUDNN_BENCHMARK));
    return words;
  }
}
