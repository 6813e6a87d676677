package org.scorecam.demo;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.LibTorchWork;

/**
 * Trains the demo's network, from nothing, on scenes drawn as it goes.
 *
 * <p>What it is told of a picture is which kinds are in it, not where; the boxes serve only to know
 * what a mask hides. Two stages:
 *
 * <ol>
 *   <li>small pictures of one object each: the quickest way to learn what the kinds look like;
 *   <li>whole scenes, half of them seen through one of their own activation maps, as Score-CAM will
 *       show them: what the map hides counts as absent. Without these, a picture with black regions
 *       is nothing the network knows, and its scores for masked inputs mean little.
 * </ol>
 */
final class DemoTrainer {
  private static final int BATCH = 64;
  private static final int PATCH_STEPS = 500;
  private static final int SCENE_STEPS = 700;
  private static final int WARM_UP_STEPS = 50;
  private static final double RATE = 3e-3;
  private static final double WEIGHT_DECAY = 1e-4;

  /** What a map that is equally bright everywhere costs; see {@link #spread}. */
  private static final double SPREAD_COST = 0.1;

  /** The mean of a mask over an object's box from which on the object counts as seen. */
  private static final double SEEN = 0.25;

  /** The mean of a mask over an object's box up to which the object counts as hidden. */
  private static final double HIDDEN = 0.1;

  private final PrintStream log;
  private final SplittableRandom random;
  private final ShapeNetwork network;
  private final AdamW optimizer;

  private DemoTrainer(long seed, PrintStream log) {
    this.log = log;
    random = new SplittableRandom(seed);
    torch.manual_seed(seed);
    network = new ShapeNetwork();
    AdamWOptions options = new AdamWOptions(RATE);
    options.weight_decay().put(WEIGHT_DECAY);
    optimizer = new AdamW(network.parameters(), options);
  }

  /** Trains, logging as it goes, and writes the network to a TorchScript file. */
  static void train(long seed, Path file, PrintStream log) {
    // Not a NativeScope: that would record no gradient.
    try (LibTorchWork work = LibTorchWork.begin();
        PointerScope scope = new PointerScope()) {
      DemoTrainer trainer = new DemoTrainer(seed, log);
      trainer.learnKinds();
      trainer.learnScenes();
      trainer.network.train(false);
      trainer.network.save(file);
    }
  }

  private void learnKinds() {
    for (int step = 0; step < PATCH_STEPS; step++) {
      try (PointerScope scope = new PointerScope()) {
        Batch batch =
            Batch.draw(
                SceneGenerator::patch,
                Long.MIN_VALUE + (long) step * BATCH,
                BATCH,
                SceneGenerator.PATCH_SIZE);
        Tensor there = batch.cover().sum(2, 3).gt(new Scalar(0.5)).to(ScalarType.Float);
        setRate(RATE * Math.min(1, (step + 1.0) / WARM_UP_STEPS));
        Tensor scores = learn(batch.pictures(), there, torch.ones_like(there));
        report("patches", step, PATCH_STEPS, scores, there);
      }
    }
  }

  private void learnScenes() {
    for (int step = 0; step < SCENE_STEPS; step++) {
      try (PointerScope scope = new PointerScope()) {
        Batch batch =
            Batch.draw(SceneGenerator::scene, -(step + 1L) * BATCH, BATCH, SceneGenerator.SIZE);
        Tensor mask = masks(batch.pictures());
        Tensor visible = batch.cover().mul(mask).sum(2, 3);
        Tensor there = visible.ge(new Scalar(SEEN)).to(ScalarType.Float);
        Tensor clear = visible.le(new Scalar(HIDDEN)).to(ScalarType.Float).add(there);
        Tensor masked =
            batch
                .pictures()
                .mul(
                    torch.upsample_bilinear2d(
                        mask, new long[] {SceneGenerator.SIZE, SceneGenerator.SIZE}, false));
        setRate(RATE * (1 + Math.cos(Math.PI * step / SCENE_STEPS)) / 2);
        Tensor scores = learn(masked, there, clear);
        report(
            "scenes",
            step,
            SCENE_STEPS,
            scores.narrow(0, BATCH / 2, BATCH / 2),
            there.narrow(0, BATCH / 2, BATCH / 2));
      }
    }
  }

  /** For the first half an activation map of the picture itself, in [0, 1]; ones for the others. */
  private Tensor masks(Tensor pictures) {
    int half = BATCH / 2;
    try (NoGradGuard noGradients = new NoGradGuard()) {
      network.train(false);
      Tensor maps = network.features(pictures.narrow(0, 0, half));
      network.train(true);
      long[] channels = random.longs(half, 0, maps.size(1)).toArray();
      Tensor chosen =
          maps.gather(
              1,
              torch
                  .tensor(channels)
                  .reshape(half, 1, 1, 1)
                  .expand(half, 1, maps.size(2), maps.size(3)));
      Tensor least = chosen.amin(new long[] {2, 3}, true);
      Tensor most = chosen.amax(new long[] {2, 3}, true);
      Tensor mask = chosen.sub(least).div(most.sub(least).add(new Scalar(1e-6)));
      return torch.cat(new TensorVector(mask, torch.ones_like(mask)), 0);
    }
  }

  /** One step; objects that are neither there nor absent, {@code clear} being 0, do not count. */
  private Tensor learn(Tensor pictures, Tensor there, Tensor clear) {
    optimizer.zero_grad();
    Tensor maps = network.features(pictures);
    Tensor scores = network.scores(maps);
    Tensor loss =
        torch.binary_cross_entropy_with_logits(
            scores,
            there,
            new TensorOptional(clear),
            new TensorOptional(),
            torch.Reduction.Mean.value);
    loss.add(spread(maps).mul(new Scalar(SPREAD_COST))).backward();
    optimizer.step();
    return scores;
  }

  /**
   * How widely the maps are lit: the mean over the channels of ‖A‖₁ / (√n ‖A‖₂), the norms over the
   * n places of the whole batch. 1 for a channel that is equally bright everywhere, 1/√n for one
   * that is lit at a single place, whatever its brightness. Kept low, a channel speaks up for few
   * things, and stays dark on the background.
   */
  private static Tensor spread(Tensor maps) {
    double places = maps.numel() / (double) maps.size(1);
    Tensor sums = maps.sum(0, 2, 3);
    Tensor lengths = maps.square().sum(0, 2, 3).add(new Scalar(1e-8)).sqrt();
    return sums.div(lengths).mean().div(new Scalar(Math.sqrt(places)));
  }

  private void setRate(double rate) {
    optimizer.param_groups().get(0).options().set_lr(rate);
  }

  private void report(String stage, int step, int steps, Tensor scores, Tensor there) {
    if ((step + 1) % 50 == 0) {
      Tensor right = scores.gt(new Scalar(0)).eq(there.gt(new Scalar(0.5))).all(1);
      log.printf(
          "%s %d/%d: all kinds right in %.0f %% of the last batch%n",
          stage, step + 1, steps, 100 * right.to(ScalarType.Float).mean().item_float());
    }
  }
}
