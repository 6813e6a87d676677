package org.scorecam;

import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.Recipe.ConstantChannels;
import org.scorecam.mask.ChannelFacts;
import org.scorecam.tensor.Tensors;

/**
 * Which of a layer's channels are scored for one image, and by which pass each: channels with the
 * same masked input share one.
 */
final class PassPlan {
  private static final int NOT_SCORED = -1;

  /** In place of a channel: the mask of all constant channels, which is 0 everywhere. */
  private static final long ZERO_MASK = -1;

  private final int channels;
  private final ChannelFacts facts;

  /** The selected channels, ascending, and for each the pass that scores it. */
  private final long[] selected;

  private final int[] passOf;

  /** For each pass the place of the channel whose mask it takes. */
  private final long[] placeOf;

  /**
   * Plans the passes.
   *
   * @param channels of the layer
   * @param selected which of them are to be scored, ascending
   * @param facts of the selected, by their place among the selected
   */
  PassPlan(int channels, long[] selected, ChannelFacts facts, ConstantChannels constantChannels) {
    this.channels = channels;
    this.selected = selected.clone();
    this.facts = facts;
    this.passOf = new int[selected.length];
    long[] places = new long[selected.length];
    int passes = 0;
    Map<Long, Integer> passOfMask = new HashMap<>();
    for (int place = 0; place < selected.length; place++) {
      boolean constant = facts.isConstant(place);
      if (facts.isNonFinite(place) || (constant && constantChannels == ConstantChannels.SKIPPED)) {
        passOf[place] = NOT_SCORED;
        continue;
      }
      long mask = constant ? ZERO_MASK : facts.firstEqual(place);
      Integer shared = passOfMask.putIfAbsent(mask, passes);
      if (shared == null) {
        passOf[place] = passes;
        places[passes++] = place;
      } else {
        passOf[place] = shared;
      }
    }
    this.placeOf = Arrays.copyOf(places, passes);
  }

  /** How many channels are selected: the passes, if no two shared one and none was left out. */
  long selectedChannels() {
    return selected.length;
  }

  /** The selected channels, ascending. */
  long[] selected() {
    return selected.clone();
  }

  /** How many masked inputs are to be scored. */
  int passes() {
    return placeOf.length;
  }

  /** The channels whose masks some passes take, by their place among the selected. */
  long[] places(int[] passes) {
    return Arrays.stream(passes).mapToLong(pass -> placeOf[pass]).toArray();
  }

  /**
   * For each pass the sum of the maps of all channels that share it; needs an open scope.
   *
   * @param maps of the selected channels, [K, …]
   * @return [passes, …]
   */
  Tensor sumsOf(Tensor maps) {
    long[] places =
        IntStream.range(0, passOf.length).filter(this::isScored).asLongStream().toArray();
    long[] passes = LongStream.of(places).map(place -> passOf[(int) place]).toArray();
    Device device = maps.device();
    long[] shape = maps.shape();
    shape[0] = passes();
    Tensor zeros = torch.zeros(shape, maps.options());
    return zeros.index_add_(
        0, Tensors.indices(passes, device), maps.index_select(0, Tensors.indices(places, device)));
  }

  private boolean isScored(int place) {
    return passOf[place] != NOT_SCORED;
  }

  /**
   * The score of each of the layer's channels; NaN for those that are not scored.
   *
   * @param wanted those of the selected channels that count
   * @param scoreOfPass a score for each pass
   */
  float[] scores(long[] wanted, float[] scoreOfPass) {
    float[] scores = new float[channels];
    Arrays.fill(scores, Float.NaN);
    for (int place : placesOf(wanted)) {
      if (isScored(place)) {
        scores[(int) selected[place]] = scoreOfPass[passOf[place]];
      }
    }
    return scores;
  }

  private int[] placesOf(long[] wanted) {
    return LongStream.of(wanted).mapToInt(k -> Arrays.binarySearch(selected, k)).toArray();
  }

  /**
   * What happened to the channels.
   *
   * @param wanted those of the selected channels that count
   * @param ran the passes that were scored
   * @param scores as {@link #scores} gives them
   * @param blank whether the map that they made is 0 everywhere
   */
  SaliencyStatus statusOf(long[] wanted, BitSet ran, float[] scores, boolean blank) {
    BitSet passes = new BitSet();
    long scored = 0;
    long constant = 0;
    long nonFinite = 0;
    long nonFiniteScores = 0;
    for (int place : placesOf(wanted)) {
      constant += facts.isConstant(place) ? 1 : 0;
      nonFinite += facts.isNonFinite(place) ? 1 : 0;
      if (isScored(place) && ran.get(passOf[place])) {
        passes.set(passOf[place]);
        scored++;
        nonFiniteScores += Float.isFinite(scores[(int) selected[place]]) ? 0 : 1;
      }
    }
    return new SaliencyStatus(
        channels, scored, passes.cardinality(), constant, nonFinite, nonFiniteScores, blank);
  }
}
