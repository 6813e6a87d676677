package org.scorecam.eval;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.BoundingBox;
import org.scorecam.Explainer;
import org.scorecam.Recipe;
import org.scorecam.Saliency;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.PassScoring;
import org.scorecam.scoring.PassSettings;
import org.scorecam.tensor.Tensors;

/**
 * Measures how good saliency maps are.
 *
 * <pre>{@code
 * try (Evaluation evaluation = Evaluation.on(model).build();
 *     Saliency map = cam.explain(input, Target.top1())) {
 *   MapScores scores = evaluation.measure(cam, input, map, List.of());
 *   System.out.println(scores.values());
 * }
 * }</pre>
 *
 * <p>All versions of an input that a map asks for go through the network together, in chunks, in
 * float32, as masked inputs do. Immutable and safe for several threads.
 */
public final class Evaluation implements AutoCloseable {
  private static final int FIRST_PERCENTILE = 10;
  private static final int LAST_PERCENTILE = 90;
  private static final int PERCENTILE_STEP = 10;
  private static final double NOISE = 0.01;

  private final HookedModel model;
  private final Set<Metric> metrics;
  private final Recipe.Score score;
  private final Set<Fill> fills;
  private final int steps;
  private final long seed;
  private final double noise;
  private final PassScoring scoring;

  /** ROAD's noise for inputs of a size. */
  private final Map<InputShape, float[]> noises = new HashMap<>();

  private Evaluation(Builder builder) {
    this.model = builder.model;
    this.metrics = EnumSet.copyOf(builder.metrics);
    this.score = builder.score;
    this.fills = EnumSet.copyOf(builder.fills);
    this.steps = builder.steps;
    this.seed = builder.seed;
    this.noise = builder.noise;
    this.scoring = new PassScoring(model, Optional.of(Precision.FLOAT32), builder);
  }

  /**
   * Starts to build.
   *
   * @param model the network; stays the caller's, and must stay open while the result is used
   * @return a builder
   */
  public static Builder on(HookedModel model) {
    return new Builder(model);
  }

  /** Collects what an {@link Evaluation} needs. */
  public static final class Builder extends PassSettings<Builder> {
    private static final int USUAL_STEPS = 20;

    private final HookedModel model;
    private Set<Metric> metrics = EnumSet.allOf(Metric.class);
    private Recipe.Score score = Recipe.Score.PROBABILITY;
    private Set<Fill> fills = EnumSet.of(Fill.BLACK, Fill.BLUR);
    private int steps = USUAL_STEPS;
    private long seed;
    private double noise = NOISE;

    private Builder(HookedModel model) {
      this.model = requireNonNull(model, "model");
    }

    @Override
    protected Builder self() {
      return this;
    }

    /**
     * Chooses what is measured.
     *
     * @param chosen at least one; all unless set
     * @return this builder
     * @throws IllegalArgumentException if there is none
     */
    public Builder metrics(Set<Metric> chosen) {
      if (chosen.isEmpty()) {
        throw new IllegalArgumentException("an evaluation needs at least one metric");
      }
      this.metrics = Set.copyOf(chosen);
      return this;
    }

    /**
     * Chooses what the target scores.
     *
     * @param chosen the class's probability unless set
     * @return this builder
     */
    public Builder score(Recipe.Score chosen) {
      this.score = requireNonNull(chosen, "score");
      return this;
    }

    /**
     * Chooses what pixels are inserted into and deleted by.
     *
     * @param chosen at least one; black and blur unless set
     * @return this builder
     * @throws IllegalArgumentException if there is none
     */
    public Builder fills(Set<Fill> chosen) {
      if (chosen.isEmpty()) {
        throw new IllegalArgumentException("insertion and deletion need at least one fill");
      }
      this.fills = Set.copyOf(chosen);
      return this;
    }

    /**
     * Sets in how many steps pixels are inserted and deleted.
     *
     * @param most 20 unless set; fewer are taken where there are fewer pixels
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder steps(int most) {
      if (most < 1) {
        throw new IllegalArgumentException("steps must be at least 1, not " + most);
      }
      this.steps = most;
      return this;
    }

    /**
     * Seeds ROAD's noise.
     *
     * @param chosen 0 unless set
     * @return this builder
     */
    public Builder seed(long chosen) {
      this.seed = chosen;
      return this;
    }

    /** ROAD's noise, to be compared without. */
    Builder noise(double standardDeviation) {
      this.noise = standardDeviation;
      return this;
    }

    /**
     * Builds.
     *
     * @return owned by the caller
     */
    public Evaluation build() {
      return new Evaluation(this);
    }
  }

  /**
   * Measures a map.
   *
   * @param explainer that made it; explains once more for {@link Metric#ADCC}, and is not used
   *     otherwise
   * @param input that was explained: float32 [1, C, H, W] or [C, H, W], on any device
   * @param saliency its map, whose target is scored
   * @param boxes where the target is, in pixels of the input; {@link Metric#ENERGY} is not measured
   *     where there are none
   * @return the numbers
   * @throws InputException if the input is no picture, the map is not finite or no [H, W], or the
   *     network cannot run the input
   * @throws org.scorecam.error.TargetException if the score is a probability, and the output holds
   *     whole numbers
   * @throws org.scorecam.error.NativeMemoryException if there is not enough native memory
   */
  public MapScores measure(
      Explainer explainer, Tensor input, Saliency saliency, List<BoundingBox> boxes) {
    scoring.requireOpen();
    requireNonNull(explainer, "explainer");
    requireNonNull(saliency, "saliency");
    requireNonNull(boxes, "boxes");
    boolean one = input.dim() == 3 || (input.dim() == 4 && input.size(0) == 1);
    if (!one || input.numel() == 0) {
      throw new InputException(
          "one input must have the shape [1, C, H, W] or [C, H, W], not " + Tensors.shapeOf(input));
    }
    try (LibTorchWork work = LibTorchWork.begin();
        NativeScope scope = NativeScope.open()) {
      return NativeErrors.translateNative(
          () -> measureOne(explainer, input, saliency, boxes),
          (words, e) ->
              new InputException(
                  "an input of shape %s cannot be scored: %s"
                      .formatted(Tensors.shapeOf(input), words),
                  e));
    }
  }

  private MapScores measureOne(
      Explainer explainer, Tensor input, Saliency saliency, List<BoundingBox> boxes) {
    Tensor batch = input.dim() == 3 ? input.unsqueeze(0) : input;
    Tensor image = batch.select(0, 0).to(model.device().toTorch(), ScalarType.Float).contiguous();
    ScaledMap map = ScaledMap.of(saliency.tensor(), image.size(1), image.size(2));
    InputShape shape = InputShape.ofRowsIn(batch);
    Tensor masked = image.mul(map.tensor());

    PerturbedInputs inputs = new PerturbedInputs(saliency.target(), score);
    int whole = inputs.add(image);
    boolean drops = measures(Metric.AVERAGE_DROP, Metric.INCREASE, Metric.ADCC);
    int dimmed = drops ? inputs.add(masked) : whole;
    Map<Fill, List<Integer>> insertions = new EnumMap<>(Fill.class);
    Map<Fill, List<Integer>> deletions = new EnumMap<>(Fill.class);
    if (measures(Metric.INSERTION, Metric.DELETION)) {
      Tensor ranks = map.ranks();
      for (Fill fill : fills) {
        Tensor filling = fill.of(image);
        int filled = inputs.add(filling);
        if (metrics.contains(Metric.INSERTION)) {
          insertions.put(fill, addSteps(inputs, filled, filling, whole, image, ranks));
        }
        if (metrics.contains(Metric.DELETION)) {
          deletions.put(fill, addSteps(inputs, whole, image, filled, filling, ranks));
        }
      }
    }
    List<Integer> withoutMost = List.of();
    List<Integer> withoutLeast = List.of();
    if (metrics.contains(Metric.ROAD)) {
      float[] values = Tensors.toArray(image);
      withoutMost = addImputed(inputs, shape, values, map.values());
      withoutLeast = addImputed(inputs, shape, values, map.reversed());
    }
    scoring.score(List.of(inputs), shape, inputs.passes(), (scored, total) -> {});

    boolean adcc = metrics.contains(Metric.ADCC);
    return new MapScores(
        inputs.score(whole),
        drops ? OptionalDouble.of(inputs.score(dimmed)) : OptionalDouble.empty(),
        adcc ? OptionalDouble.of(map.mean()) : OptionalDouble.empty(),
        adcc
            ? OptionalDouble.of(coherency(explainer, masked, saliency, map))
            : OptionalDouble.empty(),
        curves(inputs, insertions, shape.pixels()),
        curves(inputs, deletions, shape.pixels()),
        metrics.contains(Metric.ROAD)
            ? Optional.of(
                new MapScores.Road(inputs.scores(withoutMost), inputs.scores(withoutLeast)))
            : Optional.empty(),
        metrics.contains(Metric.ENERGY) && !boxes.isEmpty()
            ? OptionalDouble.of(map.share(boxes))
            : OptionalDouble.empty(),
        inputs.passes());
  }

  private boolean measures(Metric... any) {
    return Stream.of(any).anyMatch(metrics::contains);
  }

  /**
   * Adds the versions from one input to another, whose pixels come in the order of their ranks.
   *
   * @return all of the way, with both ends
   */
  private List<Integer> addSteps(
      PerturbedInputs inputs, int first, Tensor from, int last, Tensor to, Tensor ranks) {
    List<Integer> way = new ArrayList<>(List.of(first));
    long pixels = ranks.numel();
    for (long count = step(pixels); count < pixels; count += step(pixels)) {
      Scalar changed = new Scalar(count);
      way.add(inputs.add(row -> row.copy_(torch.where(ranks.lt(changed), to, from))));
    }
    way.add(last);
    return way;
  }

  /** How many pixels change at a time. */
  private long step(long pixels) {
    return (pixels + steps - 1) / steps;
  }

  private Map<Fill, Curve> curves(
      PerturbedInputs inputs, Map<Fill, List<Integer>> ways, long pixels) {
    Map<Fill, Curve> curves = new EnumMap<>(Fill.class);
    ways.forEach(
        (fill, way) -> {
          List<Double> fractions =
              IntStream.range(0, way.size())
                  .mapToObj(i -> Math.min(1, (double) i * step(pixels) / pixels))
                  .toList();
          curves.put(fill, new Curve(fractions, inputs.scores(way)));
        });
    return curves;
  }

  /** Adds a version for each percentile, without the pixels whose values are at or above it. */
  private List<Integer> addImputed(
      PerturbedInputs inputs, InputShape shape, float[] image, float[] values) {
    float[] added = noiseFor(shape);
    int width = Math.toIntExact(shape.sizes().get(2));
    List<Integer> versions = new ArrayList<>();
    for (int p = FIRST_PERCENTILE; p <= LAST_PERCENTILE; p += PERCENTILE_STEP) {
      boolean[] kept = ScaledMap.below(values, p);
      versions.add(
          inputs.add(
              row -> {
                float[] filled = Imputation.fill(image, (int) shape.channels(), width, kept);
                for (int i = 0; i < filled.length; i++) {
                  filled[i] += kept[i % kept.length] ? 0 : added[i];
                }
                try (Tensor made = Tensors.of(filled, row.shape())) {
                  row.copy_(made);
                }
              }));
    }
    return versions;
  }

  /** The same for all inputs of a size, so that maps differ by themselves alone. */
  private synchronized float[] noiseFor(InputShape shape) {
    return noises.computeIfAbsent(
        shape,
        size -> {
          Random random = new Random(seed);
          float[] values = new float[Math.toIntExact(size.channels() * size.pixels())];
          for (int i = 0; i < values.length; i++) {
            values[i] = (float) (noise * random.nextGaussian());
          }
          return values;
        });
  }

  private static double coherency(
      Explainer explainer, Tensor masked, Saliency saliency, ScaledMap map) {
    try (Saliency again = explainer.explain(masked, saliency.target())) {
      return map.coherency(ScaledMap.of(again.tensor(), masked.size(1), masked.size(2)));
    }
  }

  /** Frees the chunks. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    scoring.close();
  }
}
