package org.scorecam;

import java.util.Random;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Centres of clusters of points, by Lloyd's algorithm. */
final class KMeans {
  private static final int MOST_ROUNDS = 100;

  /** Of the squared distances that the centres move in a round, all together. */
  private static final double STILL = 1e-4;

  private KMeans() {}

  /**
   * Finds centres. They begin at different points, and go to the mean of the points that are
   * nearest to them, until they hardly move; one to which no point is nearest stays.
   *
   * @param points float32 [points, dimensions]
   * @param count of the centres; no more than there are points
   * @param seed chooses the points that the centres begin at, in the same way on every machine
   * @return float32 [count, dimensions] on the points' device, owned by the caller
   */
  static Tensor centres(Tensor points, int count, long seed) {
    long[] first =
        new Random(seed)
            .ints(0, (int) points.size(0))
            .distinct()
            .limit(count)
            .asLongStream()
            .toArray();
    Tensor centres;
    try (NativeScope scope = NativeScope.open()) {
      centres = scope.keep(points.index_select(0, Tensors.indices(first, points.device())));
    }
    boolean moves = true;
    for (int round = 0; round < MOST_ROUNDS && moves; round++) {
      try (NativeScope scope = NativeScope.open();
          Tensor before = centres) {
        centres = scope.keep(moved(points, before));
        moves = Tensors.onHost(centres.sub(before).square().sum()).item_float() > STILL;
      }
    }
    return centres;
  }

  private static Tensor moved(Tensor points, Tensor centres) {
    // Of |p − c|² = |p|² − 2·p·c + |c|² the first term is the same for every centre.
    Tensor distances =
        points
            .matmul(centres.t())
            .mul_(new Scalar(-2.0))
            .add_(centres.square().sum(new long[] {1}, false, null));
    Tensor nearest = distances.argmin(new LongOptional(1), false);
    Tensor sums = torch.zeros_like(centres).index_add_(0, nearest, points);
    Tensor ones = torch.ones_like(points.narrow(1, 0, 1));
    Tensor counts = torch.zeros_like(centres.narrow(1, 0, 1)).index_add_(0, nearest, ones);
    return torch.where(counts.gt(new Scalar(0.0)), sums.div(counts), centres);
  }
}
