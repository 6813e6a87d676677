package org.scorecam.weights;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.StringTensorDict;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.NativeScope;

/**
 * Copies weights from a file into the parameters and buffers of the same names.
 *
 * <pre>{@code
 * WeightLoader.into(network).load(Path.of("resnet18.safetensors"));
 * }</pre>
 *
 * <p>Elements go from the mapped file straight to where the network has them, on the CPU or a CUDA
 * device; floating-point numbers are converted to the network's dtype on the way, float16, bfloat16
 * and float64 to float32.
 *
 * <p>Where the file's names are the network's but for a prefix, as after {@code DataParallel}
 * ({@code module.}), {@code torch.compile} ({@code _orig_mod.}) or for a part of a larger model
 * ({@code backbone.}), it is dropped, and so are the names of wrappers inside, as where a single
 * block was compiled ({@code layer1.0._orig_mod.conv1.weight}); {@link LoadReport#origin()} tells
 * it.
 *
 * <p>By default strict, as {@code load_state_dict} is in PyTorch: unless every name and shape fits,
 * nothing is copied at all. A missing {@code num_batches_tracked} is forgiven, as there; files from
 * before PyTorch 0.4 have none, and only training reads it.
 */
public final class WeightLoader {
  private static final Logger LOGGER = System.getLogger(WeightLoader.class.getName());
  private static final int MAX_NAME = 200;
  private static final String BATCH_COUNT = "num_batches_tracked";

  private final Module network;
  private final boolean strict;
  private final UnaryOperator<String> rename;
  private final Predicate<String> unneeded;

  private WeightLoader(
      Module network, boolean strict, UnaryOperator<String> rename, Predicate<String> unneeded) {
    this.network = network;
    this.strict = strict;
    this.rename = rename;
    this.unneeded = unneeded;
  }

  /**
   * A strict loader.
   *
   * @param network whose {@code named_parameters()} and {@code named_buffers()} are written to;
   *     stays the caller's
   * @return the loader
   */
  public static WeightLoader into(Module network) {
    Objects.requireNonNull(network, "network");
    return new WeightLoader(network, true, UnaryOperator.identity(), name -> false);
  }

  /**
   * Chooses what happens when file and network differ.
   *
   * @param strict true: it is an error; false: what fits is loaded, and the rest is reported
   * @return a loader that does so
   */
  public WeightLoader strict(boolean strict) {
    return new WeightLoader(network, strict, rename, unneeded);
  }

  /**
   * Chooses what the file's tensors are called, for files whose names are not the network's. A
   * prefix before all of them need not be removed: it is dropped from what this gives.
   *
   * @param rename from a name in the file to a name in the network; the report has the latter
   * @return a loader that does so
   */
  public WeightLoader renaming(UnaryOperator<String> rename) {
    return new WeightLoader(network, strict, Objects.requireNonNull(rename, "rename"), unneeded);
  }

  /**
   * Chooses which of the file's tensors the network may lack, such as those of a classifier that
   * only training needs. They are left out of the report.
   *
   * @param unneeded tells them by their names in the network, after renaming and without prefix
   * @return a loader that does so
   */
  public WeightLoader ignoring(Predicate<String> unneeded) {
    return new WeightLoader(network, strict, rename, Objects.requireNonNull(unneeded, "unneeded"));
  }

  /**
   * Opens a file, loads its only weights and closes it.
   *
   * @param path a file that {@link WeightFile#open} reads
   * @return what became of each tensor
   * @throws ModelException if the file cannot be read, or if this is strict and it does not fit
   */
  public LoadReport load(Path path) {
    try (WeightFile file = WeightFile.open(path)) {
      return load(file);
    }
  }

  /**
   * Loads what a file was opened for. Weights that are NaN or infinite are loaded, reported, and
   * warned of in the log.
   *
   * @param file stays open, and the caller's
   * @return what became of each tensor
   * @throws ModelException if this is strict and the file does not fit, naming all that is missing,
   *     unexpected or unfit; the network is then as it was
   * @throws IllegalStateException if the file is closed
   */
  public LoadReport load(WeightFile file) {
    Objects.requireNonNull(file, "file");
    file.requireOpen();
    return NativeErrors.translate(
        () -> {
          try (NativeScope scope = NativeScope.open()) {
            return load(file, destinations());
          }
        },
        (words, e) -> new ModelException(file.path() + " cannot be loaded: " + words, e));
  }

  private LoadReport load(WeightFile file, Map<String, Tensor> destinations) {
    Map<String, String> renamed = sources(file);
    NameMatch match = NameMatch.find(renamed.keySet(), destinations.keySet(), file.path());
    Map<String, String> sources = match.inNetwork(renamed);
    requireTensors(file, match, destinations.keySet());
    Map<String, TensorInfo> inFile = new LinkedHashMap<>();
    sources.forEach((name, source) -> inFile.put(name, file.tensors().get(source)));
    LoadReport plan = compare(inFile, destinations);
    if (strict && !plan.isComplete()) {
      throw new ModelException(file.path() + " does not fit the network: " + misfit(file, plan));
    }
    Map<DType, DType> conversions = new LinkedHashMap<>();
    List<String> notFinite = new ArrayList<>();
    for (String name : plan.loaded()) {
      try (NativeScope scope = NativeScope.open();
          Tensor values = file.tensor(sources.get(name))) {
        Tensor destination = destinations.get(name);
        destination.copy_(values);
        DType from = inFile.get(name).dtype();
        DType to = DType.of(destination);
        if (from != to && from.isFloating() && to.isFloating()) {
          conversions.put(from, to);
        }
        if (!isFinite(destination)) {
          notFinite.add(name);
        }
      }
    }
    LoadReport.Origin origin =
        new LoadReport.Origin(
            file.key(),
            match.prefix(),
            List.copyOf(match.wrappers()),
            match.without(renamed.keySet()),
            conversions);
    if (!notFinite.isEmpty()) {
      LOGGER.log(Level.WARNING, "{0} has NaN or infinite weights: {1}", file.path(), notFinite);
    }
    LoadReport report =
        new LoadReport(
            origin, plan.loaded(), plan.missing(), plan.unexpected(), plan.unfit(), notFinite);
    LOGGER.log(Level.INFO, "{0}: {1}", file.path(), report.summary());
    return report;
  }

  /** What is no tensor matters only where the network needs one. */
  private void requireTensors(WeightFile file, NameMatch match, Set<String> destinations) {
    file.others()
        .forEach(
            (source, what) -> {
              String name = match.nameInNetwork(rename.apply(source));
              if (name != null && destinations.contains(name) && !isBatchCount(name)) {
                throw new ModelException(
                    "%s has %s as '%s', where the network needs a tensor"
                        .formatted(file.path(), what, Printable.of(source, MAX_NAME)));
              }
            });
  }

  /** What does not fit; in one sentence, if it is the number of classes. */
  private static String misfit(WeightFile file, LoadReport plan) {
    if (plan.missing().isEmpty() && plan.unexpected().isEmpty()) {
      Set<List<Long>> heads =
          plan.unfit().values().stream()
              .map(WeightLoader::firstSizes)
              .collect(Collectors.toUnmodifiableSet());
      List<Long> sizes = heads.iterator().next();
      if (heads.size() == 1 && plan.unfit().size() <= 2 && !sizes.isEmpty()) {
        return ("its last layer has %d classes and the network's has %d (%s);"
                + " build the network with %d classes (ZooOptions; --classes %d)")
            .formatted(
                sizes.get(0),
                sizes.get(1),
                NameList.of(plan.unfit().keySet()),
                sizes.get(0),
                sizes.get(0));
      }
    }
    String name = file.path().getFileName().toString();
    if (name.matches("(?s).*-\\d+-of-\\d+\\..*")) {
      return plan + "; it is one of several shards: give their .index.json or their folder";
    }
    return plan.loaded().isEmpty()
        ? plan + "; nothing in it fits: it may be the weights of another network"
        : plan.toString();
  }

  /** The first sizes in file and network of tensors that differ in nothing else; else empty. */
  private static List<Long> firstSizes(LoadReport.Difference difference) {
    List<Long> file = difference.file().shape();
    List<Long> network = difference.network().shape();
    boolean comparable =
        difference.file().dtype().convertsTo(difference.network().dtype())
            && !file.isEmpty()
            && file.size() == network.size()
            && file.subList(1, file.size()).equals(network.subList(1, network.size()));
    return comparable ? List.of(file.get(0), network.get(0)) : List.of();
  }

  private LoadReport compare(Map<String, TensorInfo> file, Map<String, Tensor> destinations) {
    List<String> loaded = new ArrayList<>();
    Map<String, TensorInfo> missing = new LinkedHashMap<>();
    Map<String, TensorInfo> unexpected = new LinkedHashMap<>(file);
    Map<String, LoadReport.Difference> unfit = new LinkedHashMap<>();
    destinations.forEach(
        (name, destination) -> {
          TensorInfo inNetwork = infoOf(name, destination);
          TensorInfo inFile = unexpected.remove(name);
          if (inFile == null) {
            if (!isBatchCount(name)) {
              missing.put(name, inNetwork);
            }
          } else if (inFile.shape().equals(inNetwork.shape())
              && (inFile.dtype().convertsTo(inNetwork.dtype()) || isBatchCount(name))) {
            loaded.add(name);
          } else {
            unfit.put(name, new LoadReport.Difference(inFile, inNetwork));
          }
        });
    unexpected.keySet().removeIf(unneeded);
    return new LoadReport(LoadReport.Origin.PLAIN, loaded, missing, unexpected, unfit, List.of());
  }

  /** Not a weight: what dtype it has, and whether it is there, does not matter. */
  private static boolean isBatchCount(String name) {
    return name.equals(BATCH_COUNT) || name.endsWith("." + BATCH_COUNT);
  }

  private static TensorInfo infoOf(String name, Tensor tensor) {
    DType dtype = DType.of(tensor);
    if (dtype == null) {
      throw new ModelException(
          "'"
              + name
              + "' of the network is "
              + tensor.scalar_type()
              + ", a type that weight files cannot hold");
    }
    List<Long> shape = new ArrayList<>();
    for (long i = 0; i < tensor.dim(); i++) {
      shape.add(tensor.size(i));
    }
    return new TensorInfo(dtype, shape);
  }

  /** The names in the file, by those they have in the network. */
  private Map<String, String> sources(WeightFile file) {
    Map<String, String> sources = new LinkedHashMap<>();
    for (String source : file.tensors().keySet()) {
      String name = rename.apply(source);
      String other = sources.put(name, source);
      if (other != null) {
        throw new ModelException(
            file.path() + " has both '" + other + "' and '" + source + "' for '" + name + "'");
      }
    }
    return sources;
  }

  /** Parameters, then buffers, in the order in which they were registered. */
  private Map<String, Tensor> destinations() {
    Map<String, Tensor> destinations = new LinkedHashMap<>();
    for (StringTensorDict named : List.of(network.named_parameters(), network.named_buffers())) {
      for (long i = 0; i < named.size(); i++) {
        destinations.put(named.get(i).key().getString(), named.get(i).value());
      }
    }
    return destinations;
  }

  private static boolean isFinite(Tensor tensor) {
    // A sum is finite unless an element is not, or, very seldom, it overflows: then look at each.
    return !tensor.is_floating_point()
        || torch.isfinite(tensor.sum()).item_bool()
        || torch.isfinite(tensor).all().item_bool();
  }
}
