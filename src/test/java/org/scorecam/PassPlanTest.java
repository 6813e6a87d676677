package org.scorecam;

import static java.lang.Float.NaN;
import static java.lang.Float.POSITIVE_INFINITY;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.BitSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.scorecam.Recipe.ConstantChannels;
import org.scorecam.mask.TestChannels;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Which channel is scored by which pass; channels are written as in {@link TestChannels}. */
class PassPlanTest {
  private static PassPlan plan(String maps, ConstantChannels constantChannels) {
    long[] all = LongStream.range(0, maps.length()).toArray();
    return new PassPlan(maps.length(), all, TestChannels.facts(maps), constantChannels);
  }

  private static PassPlan plan(String maps) {
    return plan(maps, ConstantChannels.SCORED);
  }

  private static void assertPlaces(PassPlan plan, long... places) {
    assertEquals(places.length, plan.passes());
    assertArrayEquals(places, plan.places(IntStream.range(0, plan.passes()).toArray()));
  }

  private static SaliencyStatus statusOf(PassPlan plan, float[] scores, boolean blank) {
    BitSet all = new BitSet();
    all.set(0, plan.passes());
    return plan.statusOf(plan.selected(), all, scores, blank);
  }

  private static void assertScores(PassPlan plan, float[] scoreOfPass, float... scores) {
    assertArrayEquals(scores, plan.scores(plan.selected(), scoreOfPass));
  }

  @Test
  void channelsThatDifferHaveAPassEach() {
    PassPlan plan = plan("abcd");
    assertPlaces(plan, 0, 1, 2, 3);
    assertArrayEquals(new long[] {1, 2}, plan.places(new int[] {1, 2}));
    assertScores(plan, new float[] {5, 6, 7, 8}, 5, 6, 7, 8);
  }

  @Test
  void equalChannelsShareAPass() {
    PassPlan plan = plan("abacba");
    assertPlaces(plan, 0, 1, 3);
    assertEquals(6, plan.selectedChannels());
    float[] scores = {5, 6, 5, 7, 6, 5};
    assertScores(plan, new float[] {5, 6, 7}, scores);
    assertEquals(new SaliencyStatus(6, 6, 3, 0, 0, 0, false), statusOf(plan, scores, false));
  }

  @Test
  void constantChannelsShareThePassOfTheZeroMask() {
    PassPlan plan = plan("-a-b-");
    assertPlaces(plan, 0, 1, 3);
    float[] scores = {5, 6, 5, 7, 5};
    assertScores(plan, new float[] {5, 6, 7}, scores);
    assertEquals(new SaliencyStatus(5, 5, 3, 3, 0, 0, false), statusOf(plan, scores, false));
  }

  @Test
  void constantChannelsAreLeftOutWhereTheRecipeSkipsThem() {
    PassPlan plan = plan("-a-b-", ConstantChannels.SKIPPED);
    assertPlaces(plan, 1, 3);
    float[] scores = {NaN, 6, NaN, 7, NaN};
    assertScores(plan, new float[] {6, 7}, scores);
    assertEquals(new SaliencyStatus(5, 2, 2, 3, 0, 0, false), statusOf(plan, scores, false));
  }

  @Test
  void nonFiniteChannelsAreNotScored() {
    for (ConstantChannels constantChannels : ConstantChannels.values()) {
      PassPlan plan = plan("!ab!a", constantChannels);
      assertPlaces(plan, 1, 2);
      float[] scores = {NaN, 5, 6, NaN, 5};
      assertScores(plan, new float[] {5, 6}, scores);
      assertEquals(new SaliencyStatus(5, 3, 2, 0, 2, 0, false), statusOf(plan, scores, false));
    }
  }

  @Test
  void thereMayBeNothingToScore() {
    PassPlan plan = plan("-!-", ConstantChannels.SKIPPED);
    assertPlaces(plan);
    assertScores(plan, new float[0], NaN, NaN, NaN);
    assertEquals(
        new SaliencyStatus(3, 0, 0, 2, 1, 0, true),
        statusOf(plan, plan.scores(plan.selected(), new float[0]), true));
  }

  @Test
  void aSubsetOfTheChannelsKeepsItsPlaces() {
    // Masks and facts count the selected channels alone, scores those of the whole layer.
    PassPlan plan =
        new PassPlan(
            8, new long[] {1, 4, 5, 7}, TestChannels.facts("ab!a"), ConstantChannels.SCORED);
    assertPlaces(plan, 0, 1);
    assertEquals(4, plan.selectedChannels());
    float[] scores = {NaN, 5, NaN, NaN, 6, NaN, NaN, 5};
    assertScores(plan, new float[] {5, 6}, scores);
    assertEquals(new SaliencyStatus(8, 3, 2, 0, 1, 0, false), statusOf(plan, scores, false));
  }

  @Test
  void passesThatDidNotRunDoNotCount() {
    PassPlan plan = plan("aba-");
    BitSet first = new BitSet();
    first.set(0);
    float[] scores = plan.scores(plan.selected(), new float[] {5, NaN, NaN});
    assertEquals(
        new SaliencyStatus(4, 2, 1, 1, 0, 0, false),
        plan.statusOf(plan.selected(), first, scores, false));
  }

  @Test
  void mapsOfChannelsThatShareAPassAreSummed() {
    PassPlan plan = plan("ab!a-");
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = Tensors.of(new float[] {1, 2, 3, 4, NaN, 0, 1, 2, 5, 5}, 5, 1, 2);
      assertArrayEquals(
          new float[] {2, 4, 3, 4, 5, 5}, Tensors.toArray(plan.sumsOf(maps).contiguous()));
    }
  }

  @Test
  void aScoreThatIsNotFiniteCountsForEachChannelOfItsPass() {
    PassPlan plan = plan("aba!");
    float[] scores = plan.scores(plan.selected(), new float[] {POSITIVE_INFINITY, 6});
    assertArrayEquals(new float[] {POSITIVE_INFINITY, 6, POSITIVE_INFINITY, NaN}, scores);
    assertEquals(new SaliencyStatus(4, 3, 2, 0, 1, 2, false), statusOf(plan, scores, false));
  }
}
