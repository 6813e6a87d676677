package org.scorecam.model;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.GradientException;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.nn.HookHandle;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.Findings;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * What all models share: hooks that are shown what was captured, and the list of layers.
 *
 * <p>A subclass says which modules there are and how one pass captures their outputs.
 */
abstract class CapturingModel implements HookedModel {
  private static final System.Logger LOG = System.getLogger(CapturingModel.class.getName());

  /**
   * Preparing takes as long as it spares for a hundred inputs or two; whoever has captured so many
   * will likely capture those.
   */
  private static final long INPUTS_BEFORE_PREPARING = 64;

  private final Device device;

  /** Paths to module classes, parents before children. */
  private final Map<String, String> types;

  /** In the order of registration. */
  private final Map<Long, Hook> hooks = new ConcurrentSkipListMap<>();

  private final AtomicLong registrations = new AtomicLong();
  private final Map<Precision, PrecisionScorers> scorers = new EnumMap<>(Precision.class);

  /** That of float32; null before it is made. */
  private volatile PrecisionScorers exactScorers;

  private final AtomicLong inputsCaptured = new AtomicLong();
  private final KeptCaptures<PackedCapture> packedCaptures =
      new KeptCaptures<>(PackedCapture::new, PackedCapture::close);
  private Findings findings;
  private NetworkScorer plainScorer;
  private NetworkScorer unpreparedScorer;

  /** What the last pass was given; null before the first. */
  private volatile Given last;

  /** Shared by passes; exclusive for closing, so that nothing is freed under a pass. */
  private final ReentrantReadWriteLock use = new ReentrantReadWriteLock();

  private volatile boolean closed;

  private record Hook(String layer, ForwardHook hook) {}

  private record Given(List<Long> shape, ScalarType type) {}

  CapturingModel(Device device, Map<String, String> types) {
    this.device = device;
    this.types = types;
  }

  /** Throws if the output of a layer that exists cannot be captured. */
  abstract void checkCapture(String layer);

  /** Runs the network on an input that is on its device; needs an open scope, which it outlives. */
  abstract Capture run(Tensor input, Watch watch);

  /**
   * As {@link #run}, with gradients recorded: what is captured is what the output was computed
   * from, not a copy of it.
   */
  abstract Capture runAttached(Tensor input, Watch watch);

  /**
   * The shapes of the layers' outputs for an input, without those that have none; as {@link #run}.
   */
  abstract Map<String, List<Long>> outputShapes(Tensor input);

  /** Prepares the network for scoring; owned by the caller. */
  abstract NetworkScorer scorerOf(NetworkScorer.Kind kind);

  /** What tells the network apart from others, but for its weights' values; needs an open scope. */
  abstract String structure();

  /** Frees the network, once. */
  abstract void free();

  @Override
  public final synchronized Findings findings() {
    if (findings == null) {
      findings = device.type() == Device.Type.CPU ? Findings.of(this::identity) : Findings.none();
    }
    return findings;
  }

  private String identity() {
    try (NativeScope scope = NativeScope.open()) {
      return types + structure();
    }
  }

  @Override
  public final MemoryFormat memoryFormat() {
    return NetworkScorer.Kind.plain(Precision.FLOAT32, device).memoryFormat();
  }

  @Override
  public final synchronized Scorer scorer() {
    requireOpen();
    if (plainScorer == null) {
      plainScorer = scorerOf(NetworkScorer.Kind.plain(Precision.FLOAT32, device));
    }
    return plainScorer;
  }

  @Override
  public final synchronized Optional<Scorer> unpreparedScorer(InputShape inputShape) {
    requireOpen();
    boolean known = findings().answerTo(question(inputShape, Precision.FLOAT32)).isPresent();
    if (!known || scorers.containsKey(Precision.FLOAT32)) {
      return Optional.empty();
    }
    if (unpreparedScorer == null) {
      unpreparedScorer =
          NetworkScorer.lent(
              NetworkScorer.Kind.plain(Precision.FLOAT32, device),
              chunk -> capture(chunk, List.of(), RepeatedCall.LAST).output());
    }
    return Optional.of(unpreparedScorer);
  }

  @Override
  public final synchronized Scorer scorer(Precision precision, InputShape inputShape) {
    requireOpen();
    try (LibTorchWork work = LibTorchWork.begin()) {
      PrecisionScorers known = scorers.get(precision);
      if (known == null) {
        NetworkScorer.Kind plain = NetworkScorer.Kind.plain(precision, device);
        known =
            new PrecisionScorers(
                fastestScorer(plain, inputShape), inputShape, () -> scorerOf(plain));
        scorers.put(precision, known);
        exactScorers = scorers.get(Precision.FLOAT32);
      }
      return known.forShape(inputShape, scorer -> computesTheSame(scorer, inputShape, 1));
    }
  }

  private static String question(InputShape inputShape, Precision precision) {
    return "the fastest way to score inputs of %s in %s".formatted(inputShape, precision);
  }

  private NetworkScorer fastestScorer(NetworkScorer.Kind plain, InputShape inputShape) {
    boolean cpu = device.type() == Device.Type.CPU;
    Precision precision = plain.precision();
    if (precision == Precision.TF32 && cpu) {
      throw new PrecisionException("tf32 is a precision of CUDA devices; the network is on cpu");
    }
    List<NetworkScorer.Kind> kinds = new ArrayList<>(List.of(plain));
    // Where a pass takes seconds, no other way makes the precision worth having.
    if (precision.isNativeTo(device)) {
      if (cpu) {
        kinds.add(plain.withPackedWeights());
      }
      kinds.add(plain.inTheOtherLayout());
    }
    try {
      String question = question(inputShape, precision);
      NetworkScorer found =
          findings()
              .answerTo(question)
              .flatMap(answer -> knownScorer(answer, kinds, inputShape))
              .orElse(null);
      if (found != null) {
        return found;
      }
      NetworkScorer fastest =
          ScorerTrials.of(
              kinds.stream().map(kind -> (Supplier<NetworkScorer>) () -> scorerOf(kind)).toList(),
              inputShape,
              device);
      if (fastest.oneByOne().isEmpty()) {
        findings().tell(question, fastest.description());
      }
      return fastest;
    } catch (InputException e) {
      if (precision == Precision.FLOAT32) {
        throw e;
      }
      throw new PrecisionException(
          "the network cannot be run in %s: %s".formatted(precision, e.getMessage()), e);
    }
  }

  /**
   * What another process found to be the fastest, if it still computes the same for a row beside
   * another one.
   */
  private Optional<NetworkScorer> knownScorer(
      String description, List<NetworkScorer.Kind> kinds, InputShape inputShape) {
    return kinds.stream()
        .filter(kind -> kind.toString().equals(description))
        .findFirst()
        .flatMap(
            kind -> {
              NetworkScorer scorer = null;
              try {
                scorer = scorerOf(kind);
                if (computesTheSame(scorer, inputShape, 2)) {
                  return Optional.of(scorer);
                }
              } catch (ScoreCamException e) {
                LOG.log(System.Logger.Level.DEBUG, "what was the fastest way does not work", e);
              }
              if (scorer != null) {
                scorer.close();
              }
              return Optional.empty();
            });
  }

  /**
   * Compares what a scorer puts out for the first of some rows with what the network as it is does
   * for that row alone; throws if that cannot run it.
   */
  private boolean computesTheSame(NetworkScorer scorer, InputShape inputShape, long rows) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor sample = ProbeInput.of(device, inputShape.batchOf(rows));
      Tensor chunk = Tensors.inFormat(sample.to(scorer.dtype()), scorer.memoryFormat()).clone();
      Tensor first = sample.narrow(0, 0, 1);
      try (ModelOutput expected = capture(first, List.of(), RepeatedCall.LAST).output()) {
        try (ModelOutput actual = scorer.score(chunk)) {
          return OutputAgreement.ofFirstRow(actual, expected, rows, scorer.precision());
        } catch (NativeMemoryException e) {
          throw e;
        } catch (ScoreCamException e) {
          return false;
        }
      }
    }
  }

  @Override
  public final void requireCapturable(String layer) {
    whileOpen(
        () -> {
          requireLayer(layer);
          checkCapture(layer);
          return null;
        });
  }

  @Override
  public final HookHandle registerForwardHook(String layer, ForwardHook hook) {
    requireNonNull(hook, "hook");
    requireCapturable(layer);
    long registration = registrations.incrementAndGet();
    hooks.put(registration, new Hook(layer, hook));
    return () -> hooks.remove(registration);
  }

  @Override
  public final ModelOutput forward(Tensor input) {
    List<Hook> present = List.copyOf(hooks.values());
    List<String> layers = present.stream().map(Hook::layer).distinct().toList();
    Capture capture = capture(input, new Watch(layers, RepeatedCall.LAST, CaptureMoment.AT_CALL));
    try {
      for (Hook hook : present) {
        hook.hook.onForward(hook.layer, capture.activations().get(layers.indexOf(hook.layer)));
      }
      return capture.output();
    } catch (RuntimeException | Error e) {
      capture.output().close();
      throw e;
    } finally {
      capture.activations().forEach(Tensor::close);
    }
  }

  @Override
  public final Capture capture(Tensor input, Watch watch) {
    return captureBy(this::run, input, watch);
  }

  @Override
  public final Capture captureFast(Tensor input, Watch watch) {
    Capture capture = captureBy(this::runFast, input, watch);
    try {
      prepareAfterMany(input);
      return capture;
    } catch (Error e) {
      capture.close();
      throw e;
    }
  }

  private void prepareAfterMany(Tensor input) {
    long inputs = input.dim() == 0 ? 1 : input.size(0);
    long before = inputsCaptured.getAndAdd(inputs);
    // One thread alone gets there; the others go on as before while it prepares.
    boolean due = before < INPUTS_BEFORE_PREPARING && before + inputs >= INPUTS_BEFORE_PREPARING;
    if (!due || exactScorers != null || device.type() != Device.Type.CPU) {
      return;
    }
    try {
      scorer(Precision.FLOAT32, InputShape.ofRowsIn(input));
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "the network as it is goes on capturing", e);
    }
  }

  /** By the program for scoring, where there is one in which the layers were found. */
  private Capture runFast(Tensor input, Watch watch) {
    Optional<FrozenScorer> program = programFor(input);
    if (program.isEmpty()) {
      return run(input, watch);
    }
    return packedCaptures.with(
        watch,
        packed -> {
          packed.searchIn(program.get(), InputShape.ofRowsIn(input), probe -> run(probe, watch));
          return packed.run(input).orElseGet(() -> run(input, watch));
        });
  }

  private Optional<FrozenScorer> programFor(Tensor input) {
    PrecisionScorers exact = exactScorers;
    boolean fits =
        exact != null && input.is_floating_point() && input.dim() > 2 && input.numel() > 0;
    return fits ? exact.programFor(InputShape.ofRowsIn(input)) : Optional.empty();
  }

  @Override
  public final GradientCapture captureWithGradients(
      Tensor input, Watch watch, Function<ModelOutput, List<Tensor>> scores) {
    try {
      return passOver(
          input,
          watch,
          placed ->
              Differentiation.of(placed, leaf -> runAttached(leaf, watch), watch.layers(), scores));
    } catch (GradientException e) {
      // What fails without gradients as well says more of the reason.
      capture(input, watch).close();
      throw e;
    }
  }

  private Capture captureBy(BiFunction<Tensor, Watch, Capture> pass, Tensor input, Watch watch) {
    return passOver(input, watch, placed -> pass.apply(placed, watch));
  }

  /** Does one pass over an input that is on the device, as float32 if it is floating-point. */
  private <T> T passOver(Tensor input, Watch watch, Function<Tensor, T> pass) {
    requireNonNull(input, "input");
    requireNonNull(watch, "watch");
    if (input.isNull()) {
      throw new InputException("the input is a tensor that has been closed");
    }
    return whileOpen(
        () -> {
          watch.layers().forEach(this::requireLayer);
          try (NativeScope scope = NativeScope.open();
              LibTorchWork work = LibTorchWork.begin()) {
            ScalarType type = input.is_floating_point() ? ScalarType.Float : input.scalar_type();
            Tensor moved = input.to(device.toTorch(), type);
            // A copy, since a network may work in place on its input.
            Tensor placed = moved.is_alias_of(input) ? moved.clone() : moved;
            T result =
                NativeErrors.translate(
                    () -> pass.apply(placed), (words, e) -> InputRefusal.of(placed, words, e));
            last = new Given(shapeOf(input), type);
            return result;
          }
        });
  }

  @Override
  public final List<Layer> layers() {
    return whileOpen(
        () -> {
          Map<String, List<Long>> shapes = last == null ? Map.of() : outputShapesOf(last);
          List<Layer> layers = new ArrayList<>();
          types.forEach(
              (path, type) ->
                  layers.add(new Layer(path, type, Optional.ofNullable(shapes.get(path)))));
          return layers;
        });
  }

  /** By a pass of zeros: watching every layer of every real pass would cost more. */
  private Map<String, List<Long>> outputShapesOf(Given given) {
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work = LibTorchWork.begin()) {
      Tensor zeros = torch.zeros(sizesOf(given.shape)).to(device.toTorch(), given.type);
      return NativeErrors.translate(
          () -> outputShapes(zeros), (words, e) -> InputRefusal.of(zeros, words, e));
    }
  }

  /** Paths to module classes, parents before children. */
  final Map<String, String> types() {
    return types;
  }

  /** The shape of the input of the last pass; null before the first. */
  final long[] lastShape() {
    return last == null ? null : sizesOf(last.shape);
  }

  private static long[] sizesOf(List<Long> shape) {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }

  static List<Long> shapeOf(Tensor tensor) {
    return LongStream.of(tensor.shape()).boxed().toList();
  }

  private void requireLayer(String layer) {
    requireNonNull(layer, "layer");
    if (!types.containsKey(layer)) {
      throw LayerException.unknown(layer, types.keySet());
    }
  }

  @Override
  public final Device device() {
    return device;
  }

  @Override
  public final synchronized void close() {
    // First, since a pass of it captures, for which it waits until this model is not being closed.
    if (unpreparedScorer != null) {
      unpreparedScorer.close();
    }
    use.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        packedCaptures.close();
        scorers.values().forEach(PrecisionScorers::close);
        if (plainScorer != null) {
          plainScorer.close();
        }
        free();
      }
    } finally {
      use.writeLock().unlock();
    }
  }

  /** Does what needs the network, which is not freed meanwhile. */
  final <T> T whileOpen(Supplier<T> work) {
    use.readLock().lock();
    try {
      requireOpen();
      return work.get();
    } finally {
      use.readLock().unlock();
    }
  }

  final void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }
}
