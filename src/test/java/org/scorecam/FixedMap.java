package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.Precision;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;

/** An explainer that has the same map for everything. */
public final class FixedMap implements Explainer {
  private static final ChunkPlan NO_CHUNKS =
      new ChunkPlan(1, 1, Precision.FLOAT32, 0, ChunkPlan.Basis.GIVEN, List.of(), List.of());

  private final Tensor map;

  /** A map [h, w], which stays the caller's. */
  public FixedMap(Tensor map) {
    this.map = map;
  }

  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    return targets.stream().map(ofOne -> ofOne.stream().map(this::saliency).toList()).toList();
  }

  private Saliency saliency(Target target) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor copy = scope.keep(map.clone());
      return new Saliency(
          copy,
          scope.keep(copy.clone()),
          "fixed",
          Recipe.TORCHCAM,
          target,
          0,
          new float[0],
          new float[0],
          new SaliencyStatus(0, 0, 0, 0, 0, 0, false),
          NO_CHUNKS);
    }
  }

  @Override
  public int inputsPerGroup() {
    return 1;
  }

  @Override
  public Device device() {
    return Device.cpu();
  }

  @Override
  public void close() {}
}
