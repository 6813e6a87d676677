package org.scorecam.runtime;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * How LibTorch is set up for scoring many masked inputs, and what of that a host program wants left
 * alone.
 *
 * <pre>{@code
 * LibTorch.use(LibTorchSettings.defaults().withThreads(1).withSetUp(false));  // before anything else
 * }</pre>
 *
 * <p>Each setting is also a system property, which wins over what the program says.
 *
 * <p><b>For the duration of our work</b> and then given back, as {@link LibTorchWork} describes,
 * are what LibTorch and its BLAS read at each call:
 *
 * <table>
 * <caption>Settings of our work</caption>
 * <tr><th>property</th><th>what it sets, and why</th></tr>
 * <tr><td>{@value #THREADS}</td><td>threads of one LibTorch operation, in each thread that works
 *     for us; one per physical core that the process may use, unless set, or chosen already with
 *     {@code OMP_NUM_THREADS} or LibTorch's own functions</td></tr>
 * <tr><td>{@value #OPENBLAS_THREADS}</td><td>threads of OpenBLAS, 1 unless set; 0 leaves its own
 *     number. Its workers spin after each matrix product and take cores from the OpenMP threads that
 *     run the next convolution</td></tr>
 * <tr><td>{@value #NNPACK}</td><td>{@code on} leaves NNPACK to LibTorch; off unless set, since
 *     oneDNN's convolutions are faster</td></tr>
 * <tr><td>{@value #CUDNN_BENCHMARK}</td><td>on unless {@code off}: cuDNN tries its algorithms for
 *     each shape when it first meets it. Chunks have one shape, and a warm-up</td></tr>
 * <tr><td>none</td><td>TF32 is off on CUDA, where cuDNN's convolutions round to it unasked, but for
 *     a scorer of that precision</td></tr>
 * </table>
 *
 * <p><b>For the whole process</b>, once, when LibTorch is loaded through us; told to {@link
 * System.Logger} in one line:
 *
 * <table>
 * <caption>Settings of the process</caption>
 * <tr><th>property</th><th>what it sets, and why</th></tr>
 * <tr><td>{@value #SET_UP}</td><td>{@code off} leaves out everything in this table</td></tr>
 * <tr><td>{@value #ALLOCATOR}</td><td>large CPU tensors come from an allocator of ours, which keeps
 *     their memory for the next chunk, unless {@code off}; on Linux</td></tr>
 * <tr><td>{@value #HUGE_PAGES}</td><td>that memory is on huge pages unless {@code off}</td></tr>
 * <tr><td>{@value #WINOGRAD}</td><td>our convolutions are registered as operators, unless {@code
 *     off}</td></tr>
 * <tr><td>{@value #VISION_OPERATORS}</td><td>torchvision's {@code nms} and {@code roi_align} are
 *     defined by us when a network from a file calls them and nobody has defined them, unless {@code
 *     off}</td></tr>
 * <tr><td>{@value #ONEDNN_CACHES}</td><td>oneDNN is told the sizes of caches where the processor
 *     reports none and it takes each for one byte, unless {@code off}; see {@link OneDnnCaches}</td></tr>
 * <tr><td>none</td><td>a process that exits during our work exits at once: LibTorch's static objects
 *     are not destroyed under the threads that use them; with glibc</td></tr>
 * <tr><td>{@code org.bytedeco.javacpp.maxPhysicalBytes}</td><td>JavaCPP's own: its limit on resident
 *     memory follows the Java heap, and a small heap would refuse tensors that the machine has room
 *     for. Lifted unless this is set or JavaCPP is in use already</td></tr>
 * </table>
 *
 * <p>Immutable. Numbers and words are checked when LibTorch is loaded, before anything is set.
 */
public final class LibTorchSettings {
  /** System property: {@code off} leaves alone what would be set for the whole process. */
  public static final String SET_UP = "scorecam.setup";

  /**
   * System property: threads that one LibTorch operation may use in our work; 0 for one per core.
   */
  public static final String THREADS = "scorecam.threads";

  /** System property: threads that OpenBLAS may use in our work; 0 leaves its own number. */
  public static final String OPENBLAS_THREADS = "scorecam.openblas.threads";

  /** System property: {@code on} leaves NNPACK to LibTorch in our work; off unless set. */
  public static final String NNPACK = "scorecam.nnpack";

  /** System property: {@code off} leaves the choice of cuDNN's algorithms to its heuristics. */
  public static final String CUDNN_BENCHMARK = "scorecam.cudnn.benchmark";

  /** System property: {@code off} leaves LibTorch its own allocator. */
  public static final String ALLOCATOR = "scorecam.allocator";

  /** System property: {@code off} leaves large tensors on small pages. */
  public static final String HUGE_PAGES = "scorecam.hugePages";

  /** System property: {@code off} leaves all convolutions to LibTorch. */
  public static final String WINOGRAD = "scorecam.winograd";

  /** System property: {@code off} leaves torchvision's operators to its own library. */
  public static final String VISION_OPERATORS = "scorecam.visionOperators";

  /** System property: {@code off} leaves oneDNN what it takes for the sizes of caches. */
  public static final String ONEDNN_CACHES = "scorecam.oneDnnCaches";

  private static final String ON = "on";
  private static final String OFF = "off";

  private static final Map<String, String> DEFAULT_VALUES =
      Map.of(
          SET_UP, ON,
          THREADS, "0",
          OPENBLAS_THREADS, "1",
          NNPACK, OFF,
          CUDNN_BENCHMARK, ON,
          ALLOCATOR, ON,
          HUGE_PAGES, ON,
          WINOGRAD, ON,
          VISION_OPERATORS, ON,
          ONEDNN_CACHES, ON);

  private static final Set<String> NUMBERS = Set.of(THREADS, OPENBLAS_THREADS);

  private static final LibTorchSettings DEFAULTS = new LibTorchSettings(Map.of(), Set.of());

  /** By property, what the program or a system property says. */
  private final Map<String, String> values;

  /** Which of these are from system properties. */
  private final Set<String> fromProperties;

  private LibTorchSettings(Map<String, String> values, Set<String> fromProperties) {
    this.values = Map.copyOf(values);
    this.fromProperties = Set.copyOf(fromProperties);
  }

  /**
   * What is set unless somebody says otherwise.
   *
   * @return settings to start from
   */
  public static LibTorchSettings defaults() {
    return DEFAULTS;
  }

  /**
   * Sets whether anything is set for the whole process.
   *
   * @param on false leaves everything in the second table alone
   * @return changed settings
   */
  public LibTorchSettings withSetUp(boolean on) {
    return with(SET_UP, on);
  }

  /**
   * Sets the threads of one LibTorch operation in our work.
   *
   * @param threads 0 for one per physical core
   * @return changed settings
   * @throws IllegalArgumentException if it is negative
   */
  public LibTorchSettings withThreads(int threads) {
    return with(THREADS, threads);
  }

  /**
   * Sets the threads of OpenBLAS in our work.
   *
   * @param threads 0 for its own number
   * @return changed settings
   * @throws IllegalArgumentException if it is negative
   */
  public LibTorchSettings withOpenBlasThreads(int threads) {
    return with(OPENBLAS_THREADS, threads);
  }

  /**
   * Sets whether LibTorch may use NNPACK in our work.
   *
   * @param on true leaves that to LibTorch
   * @return changed settings
   */
  public LibTorchSettings withNnpack(boolean on) {
    return with(NNPACK, on);
  }

  /**
   * Sets whether cuDNN tries its algorithms in our work.
   *
   * @param on false leaves the choice to its heuristics
   * @return changed settings
   */
  public LibTorchSettings withCudnnBenchmark(boolean on) {
    return with(CUDNN_BENCHMARK, on);
  }

  /**
   * Sets whether large CPU tensors come from our allocator.
   *
   * @param on false leaves LibTorch its own
   * @return changed settings
   */
  public LibTorchSettings withAllocator(boolean on) {
    return with(ALLOCATOR, on);
  }

  /**
   * Sets whether our allocator's memory is on huge pages.
   *
   * @param on false leaves it on small ones
   * @return changed settings
   */
  public LibTorchSettings withHugePages(boolean on) {
    return with(HUGE_PAGES, on);
  }

  /**
   * Sets whether our convolutions are registered with LibTorch.
   *
   * @param on false leaves all convolutions to LibTorch
   * @return changed settings
   */
  public LibTorchSettings withWinograd(boolean on) {
    return with(WINOGRAD, on);
  }

  /**
   * Sets whether we define torchvision's operators for networks that call them.
   *
   * @param on false leaves them to torchvision's library
   * @return changed settings
   */
  public LibTorchSettings withVisionOperators(boolean on) {
    return with(VISION_OPERATORS, on);
  }

  /**
   * Sets whether oneDNN is told the sizes of caches that the processor does not report.
   *
   * @param on false leaves it what it takes for them
   * @return changed settings
   */
  public LibTorchSettings withOneDnnCaches(boolean on) {
    return with(ONEDNN_CACHES, on);
  }

  private LibTorchSettings with(String property, boolean on) {
    return with(property, on ? ON : OFF);
  }

  private LibTorchSettings with(String property, int threads) {
    if (threads < 0) {
      throw new IllegalArgumentException("there cannot be %d threads".formatted(threads));
    }
    return with(property, Integer.toString(threads));
  }

  private LibTorchSettings with(String property, String value) {
    Map<String, String> changed = new HashMap<>(values);
    changed.put(property, value);
    return new LibTorchSettings(changed, fromProperties);
  }

  /**
   * These settings with the system properties over them.
   *
   * @throws IllegalArgumentException if a property has a value that does not exist
   */
  LibTorchSettings withProperties() {
    Map<String, String> changed = new HashMap<>(values);
    Set<String> found = new HashSet<>();
    for (String property : DEFAULT_VALUES.keySet()) {
      String value = System.getProperty(property);
      if (value != null) {
        requireLegal(property, value);
        changed.put(property, value);
        found.add(property);
      }
    }
    return new LibTorchSettings(changed, found);
  }

  private static void requireLegal(String property, String value) {
    boolean number = NUMBERS.contains(property);
    // As many digits as an int always has room for.
    if (!value.matches(number ? "\\d{1,9}" : ON + "|" + OFF)) {
      throw new IllegalArgumentException(
          "-D%s is %s, not '%s'"
              .formatted(property, number ? "a number of threads" : "on or off", value));
    }
  }

  /**
   * Whether a switch is on.
   *
   * @param property its name
   * @return whether it is on, by default or because somebody said so
   */
  public boolean isOn(String property) {
    return valueOf(property).equals(ON);
  }

  /**
   * A number of threads.
   *
   * @param property its name
   * @return 0 where the default holds: one per physical core, or OpenBLAS's own number
   */
  public int threadsOf(String property) {
    return Integer.parseInt(valueOf(property));
  }

  private String valueOf(String property) {
    return values.getOrDefault(property, DEFAULT_VALUES.get(property));
  }

  /**
   * Where a setting comes from that is not the default.
   *
   * @param property its name
   * @return for example {@code -Dscorecam.allocator=off}
   */
  String originOf(String property) {
    String said = property + "=" + valueOf(property);
    return fromProperties.contains(property) ? "-D" + said : said + " in the program";
  }

  /**
   * What is said of something that a setting has left alone.
   *
   * @param property the setting's name
   * @return for example {@code as it was (-Dscorecam.allocator=off)}
   */
  public String leftAlone(String property) {
    return "as it was (%s)".formatted(originOf(property));
  }
}
