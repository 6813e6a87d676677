package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masks;
import org.scorecam.mask.StemMasks;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Stem;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.tensor.Tensors;

/**
 * The channels of one image at one target layer, from activation maps to saliency maps: which are
 * selected, their masked inputs, the scores of these for each target, the channel weights, and a
 * map for each target.
 *
 * <p>Masked inputs do not depend on the target: each is passed once, and all targets read their
 * scores from its output. Where channels are selected by a gradient, each target has its own, and
 * those that any of them has are passed. A {@link PassPlan} says whose they are.
 *
 * <p>They are scored in rounds: all in one, or, where channels are chosen as scores come in, as
 * {@link AdaptivePasses} says.
 */
final class ChannelScoring implements AutoCloseable {
  private final String layer;
  private final Recipe recipe;
  private final List<ResolvedTarget> targets;
  private final MapMaker maps;

  /** For each target the channels that count for it: all of them make the selected. */
  private final List<long[]> channelsOf;

  /** Of the selected channels' maps, by their place among the selected. */
  private final Masks masks;

  private final PassPlan passPlan;
  private final Tensor passScores; // [passes, targets] on the device
  private final int samples;

  /** Of the selected channels' masks; empty where nothing is shared, which is on devices. */
  private final float[] blankParts;

  /** Null where all passes are scored. */
  private final AdaptivePasses adaptive;

  /** What writes for a network without its stem; null before it is asked for. */
  private StemMasks behindStem;

  /** The passes of the rounds that are over. */
  private final BitSet scored = new BitSet();

  /** Those of the round that is not. */
  private int[] inRound = new int[0];

  /**
   * Selects channels and plans their passes. Needs an open scope, in which alone the new object can
   * be used.
   *
   * @param layer the target layer's path
   * @param activations its maps, float32 [K, h, w]; must stay open
   * @param image [C, H, W] on the same device; must stay open
   * @param targets of this image, at least one
   * @param gradients for each target that of its score by the activations, as they are; empty where
   *     channels are selected without
   */
  ChannelScoring(
      Configuration configuration,
      String layer,
      Tensor activations,
      Tensor image,
      List<ResolvedTarget> targets,
      List<Tensor> gradients) {
    this.layer = layer;
    this.recipe = configuration.recipe();
    this.targets = List.copyOf(targets);
    this.maps = new MapMaker(recipe, activations, image);
    this.samples = configuration.sampling().samples();
    this.channelsOf = channelsOf(configuration.channels(), gradients);
    long[] selected =
        channelsOf.stream().flatMapToLong(LongStream::of).sorted().distinct().toArray();
    Tensor selectedMaps = mapsOf(selected);
    this.blankParts =
        selectedMaps.is_cpu() ? recipe.masks().blankParts(selectedMaps) : new float[0];
    this.masks = configuration.masker().prepare(selectedMaps, image, recipe.masks());
    AdaptivePasses chosen = null;
    try (NativeScope scope = NativeScope.open()) {
      this.passPlan =
          new PassPlan(
              (int) activations.size(0), selected, masks.facts(), recipe.constantChannels());
      if (configuration.channels().isAdaptive() && mostPasses() > 0) {
        chosen = adaptive(configuration.channels().correlation(), selectedMaps);
      }
      this.passScores =
          scope.keep(
              torch.empty(new long[] {mostPasses(), targets.size()}, activations.options(), null));
    } catch (RuntimeException | Error e) {
      masks.close();
      if (chosen != null) {
        chosen.close();
      }
      throw e;
    }
    this.adaptive = chosen;
  }

  private List<long[]> channelsOf(ChannelSelection channels, List<Tensor> gradients) {
    return channels.needsGradient()
        ? gradients.stream().map(each -> channels.select(maps.activations(), each)).toList()
        : Collections.nCopies(targets.size(), channels.select(maps.activations()));
  }

  private Tensor mapsOf(long[] selected) {
    Tensor activations = maps.activations();
    return selected.length == activations.size(0)
        ? activations
        : activations.index_select(0, Tensors.indices(selected, activations.device()));
  }

  private AdaptivePasses adaptive(double wanted, Tensor selectedMaps) {
    long[] places = passPlan.places(IntStream.range(0, mostPasses()).toArray());
    Tensor ofMasks = selectedMaps.index_select(0, Tensors.indices(places, selectedMaps.device()));
    return new AdaptivePasses(wanted, recipe.weighting(), ofMasks, passPlan.sumsOf(selectedMaps));
  }

  /** How many masked inputs there are to score at most. */
  int mostPasses() {
    return passPlan.passes();
  }

  /** How many of them are in a round, if no two channels share one and none is left out. */
  long passesAtOnce() {
    long selected = passPlan.selectedChannels();
    return isAdaptive() ? Math.min(selected, AdaptivePasses.ROUND) : selected;
  }

  /** Whether they are chosen as scores come in. */
  boolean isAdaptive() {
    return adaptive != null;
  }

  /**
   * Masked inputs to be scored now, after those that were asked for before were scored; none if it
   * is over.
   */
  MaskedInputs nextRound() {
    Arrays.stream(inRound).forEach(scored::set);
    inRound = nextPasses();
    return new Round(inRound, masks::write, 0);
  }

  private int[] nextPasses() {
    if (adaptive == null) {
      return scored.isEmpty() ? IntStream.range(0, mostPasses()).toArray() : new int[0];
    }
    try (NativeScope scope = NativeScope.open()) {
      return adaptive.next(scored, scoresOfTargets());
    }
  }

  /** For each target a score of each pass, of which those count that were scored. */
  private List<float[]> scoresOfTargets() {
    float[] scores = Tensors.toArray(passScores.t().contiguous());
    return IntStream.range(0, targets.size())
        .mapToObj(t -> Arrays.copyOfRange(scores, t * mostPasses(), (t + 1) * mostPasses()))
        .toList();
  }

  /** Some of the masked inputs. */
  private final class Round implements MaskedInputs {
    private final int[] passes;
    private final BiConsumer<long[], Tensor> writer;
    private final long bytes;

    /**
     * Those of some passes.
     *
     * @param writer is told places and the rows that are theirs
     * @param bytes that it keeps
     */
    private Round(int[] passes, BiConsumer<long[], Tensor> writer, long bytes) {
      this.passes = passes;
      this.writer = writer;
      this.bytes = bytes;
    }

    @Override
    public int passes() {
      return passes.length;
    }

    @Override
    public float blankPart(int pass) {
      return blankParts.length == 0
          ? 0
          : blankParts[(int) passPlan.places(new int[] {passes[pass]})[0]];
    }

    private int[] part(int firstPass, int count) {
      return Arrays.copyOfRange(passes, firstPass, firstPass + count);
    }

    @Override
    public void write(int firstPass, int count, Tensor rows) {
      writer.accept(passPlan.places(part(firstPass, count)), rows);
    }

    @Override
    public Optional<MaskedInputs> behind(Stem stem, long most) {
      if (behindStem == null) {
        behindStem = masks.behind(stem, passes.length, most).orElse(null);
      }
      return Optional.ofNullable(behindStem)
          .map(kept -> new Round(passes, kept::write, kept.bytes()));
    }

    @Override
    public long bytes() {
      return bytes;
    }

    @Override
    public Tensor scoresOf(ModelOutput output, int firstRow, int count) {
      List<Target> wanted = targets.stream().map(ResolvedTarget::target).toList();
      return Target.scoresOf(wanted, recipe, output, firstRow, count);
    }

    @Override
    public void keep(int firstPass, Tensor scores) {
      int[] kept = part(firstPass, (int) scores.size(0));
      long[] places = Arrays.stream(kept).asLongStream().toArray();
      passScores.index_copy_(0, Tensors.indices(places, passScores.device()), scores);
    }

    /** The lowest of all targets, each of which must hold. */
    @Override
    public OptionalDouble correlation(float[][] exact, float[][] other) {
      return IntStream.range(0, targets.size())
          .mapToObj(
              t ->
                  ChannelScoring.this.correlation(
                      channelsOf.get(t), scoresFor(t, exact), scoresFor(t, other)))
          .flatMapToDouble(OptionalDouble::stream)
          .min();
    }

    /** One target's score of each pass; NaN for those that have none. */
    private float[] scoresFor(int target, float[][] scoresOfRound) {
      float[] scores = new float[mostPasses()];
      Arrays.fill(scores, Float.NaN);
      for (int i = 0; i < passes.length; i++) {
        if (scoresOfRound[i] != null) {
          scores[passes[i]] = scoresOfRound[i][target];
        }
      }
      return scores;
    }
  }

  /** That of the maps which the scores make, or, where these are blank, of the scores. */
  private OptionalDouble correlation(long[] channels, float[] exact, float[] other) {
    try (NativeScope scope = NativeScope.open()) {
      return MapAgreement.correlationOf(
          exact,
          other,
          scores -> Tensors.toArray(maps.mapOfScores(passPlan.scores(channels, scores))));
    }
  }

  /** Turns each target's scores so far into weights and sums the maps with them. */
  List<Saliency> toSaliencies(ChunkPlan plan) {
    List<Saliency> saliencies = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      List<float[]> scores = scoresOfTargets();
      for (int t = 0; t < targets.size(); t++) {
        saliencies.add(toSaliency(t, scores.get(t), plan));
      }
      return saliencies;
    } catch (RuntimeException | Error e) {
      saliencies.forEach(Saliency::close);
      throw e;
    }
  }

  private Saliency toSaliency(int t, float[] scoreOfPass, ChunkPlan plan) {
    Stage.Combine stage =
        new Stage.Combine(layer, maps.activations().size(0), scored.cardinality());
    long[] channels = channelsOf.get(t);
    float[] expected = adaptive == null ? scoreOfPass : adaptive.scores(t);
    float[] weights = maps.weights(passPlan.scores(channels, expected));
    for (int pass = 0; pass < scoreOfPass.length; pass++) {
      scoreOfPass[pass] = scored.get(pass) ? scoreOfPass[pass] : Float.NaN;
    }
    float[] scores = passPlan.scores(channels, scoreOfPass);
    try (NativeScope scope = NativeScope.open()) {
      Tensor layerMap = maps.layerMap(weights);
      Tensor map = maps.map(layerMap);
      boolean blank = Saliency.isBlank(map);
      stage.commit();
      SaliencyStatus status = passPlan.statusOf(channels, scored, scores, blank);
      return new Saliency(
          scope.keep(map),
          scope.keep(layerMap),
          layer,
          recipe,
          targets.get(t).target(),
          targets.get(t).referenceScore(),
          weights,
          scores,
          status.sampled(samples, estimate(t, weights, scores)),
          plan);
    }
  }

  /** How far the map may be from that of all channels, where these are not all scored. */
  private Optional<SaliencyStatus.Estimate> estimate(int t, float[] weights, float[] scores) {
    if (adaptive == null) {
      return Optional.empty();
    }
    double all = 0;
    double rest = 0;
    for (int k = 0; k < weights.length; k++) {
      all += Math.abs(weights[k]);
      rest += Float.isNaN(scores[k]) ? Math.abs(weights[k]) : 0;
    }
    return Optional.of(
        new SaliencyStatus.Estimate(
            adaptive.correlation(t), all == 0 ? 0 : rest / all, adaptive.stop()));
  }

  @Override
  public void close() {
    if (behindStem != null) {
      behindStem.close();
    }
    masks.close();
    passScores.close();
    if (adaptive != null) {
      adaptive.close();
    }
  }
}
