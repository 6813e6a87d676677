package org.scorecam.bench;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/** Explains the same inputs again and again, all at once or one by one. */
public final class Explaining implements Contestant {
  private final String name;
  private final ScoreCam explainer;
  private final Tensor inputs;
  private final List<Target> targets;
  private final boolean oneByOne;

  /**
   * Prepares.
   *
   * @param name in the report
   * @param explainer is closed with this
   * @param inputs [N, C, H, W]; must stay open
   * @param target of each
   * @param oneByOne whether each input is explained by itself
   */
  public Explaining(
      String name, ScoreCam explainer, Tensor inputs, Target target, boolean oneByOne) {
    this.name = name;
    this.explainer = explainer;
    this.inputs = inputs;
    this.targets = Collections.nCopies((int) inputs.size(0), target);
    this.oneByOne = oneByOne;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Lap run() {
    Lap[] lap = new Lap[1];
    StageTimes stages = StageTimes.during(() -> lap[0] = explain());
    return new Lap(lap[0].seconds(), lap[0].passes(), Optional.of(stages));
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
