package org.scorecam.bench;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/** Our own Score-CAM, which explains the same inputs again and again. */
public final class ScoreCamContestant implements Contestant {
  private final String name;
  private final ScoreCam explainer;
  private final Tensor inputs;
  private final List<Target> targets;
  private final boolean oneByOne;
  private final OptionalInt threads;

  /**
   * Explains all inputs at once, with as many threads as are set.
   *
   * @param name in the report
   * @param explainer closed with this
   * @param inputs [N, C, H, W]; must stay open
   * @param target of each
   */
  public ScoreCamContestant(String name, ScoreCam explainer, Tensor inputs, Target target) {
    this(
        name,
        explainer,
        inputs,
        Collections.nCopies((int) inputs.size(0), target),
        false,
        OptionalInt.empty());
  }

  private ScoreCamContestant(
      String name,
      ScoreCam explainer,
      Tensor inputs,
      List<Target> targets,
      boolean oneByOne,
      OptionalInt threads) {
    this.name = name;
    this.explainer = explainer;
    this.inputs = inputs;
    this.targets = targets;
    this.oneByOne = oneByOne;
    this.threads = threads;
  }

  /**
   * The same, but each input is explained by itself.
   *
   * @return takes this one's place, and its explainer
   */
  public ScoreCamContestant oneByOne() {
    return new ScoreCamContestant(name, explainer, inputs, targets, true, threads);
  }

  /**
   * The same with its own number of LibTorch's threads.
   *
   * @param count threads of one operation, at least 1
   * @return takes this one's place, and its explainer
   */
  public ScoreCamContestant withThreads(int count) {
    return new ScoreCamContestant(
        name, explainer, inputs, targets, oneByOne, OptionalInt.of(count));
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Lap run() {
    int threadsBefore = LibTorch.threads();
    threads.ifPresent(LibTorch::setThreads);
    try {
      Lap[] lap = new Lap[1];
      StageTimes stages = StageTimes.during(() -> lap[0] = explain());
      return new Lap(lap[0].seconds(), lap[0].passes(), Optional.of(stages));
    } finally {
      if (threads.isPresent()) {
        LibTorch.setThreads(threadsBefore);
      }
    }
  }

  private Lap explain() {
    long passes = 0;
    long start = System.nanoTime();
    if (oneByOne) {
      for (int i = 0; i < targets.size(); i++) {
        try (NativeScope scope = NativeScope.open();
            Saliency map = explainer.explain(inputs.narrow(0, i, 1), targets.get(i))) {
          passes += map.status().passes();
        }
      }
    } else {
      for (Saliency map : explainer.explainBatch(inputs, targets)) {
        passes += map.status().passes();
        map.close();
      }
    }
    DeviceMemory.of(explainer.device()).finishWork();
    return Lap.since(start, passes);
  }

  @Override
  public void close() {
    explainer.close();
  }
}
