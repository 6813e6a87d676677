package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Centres of points that fall into groups. */
class KMeansTest {
  /** Also where both centres begin in one group, and nothing is nearest to one of them. */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 2, 3, 4, 5, 6, 7})
  void eachGroupHasItsMean(long seed) {
    try (NativeScope scope = NativeScope.open();
        Tensor points = Tensors.of(new float[] {1, 1, 1, 1, 1, 1, 8, 4, 9, 4, 10, 4}, 6, 2);
        Tensor centres = KMeans.centres(points, 2, seed)) {
      float[] found = Tensors.toArray(centres.sort(0, false).get0());
      assertArrayEquals(new float[] {1, 1, 9, 4}, found, 1e-6f);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 9})
  void asManyCentresAsPointsAreThePoints(long seed) {
    try (NativeScope scope = NativeScope.open();
        Tensor points = Tensors.of(new float[] {3, 1, 2}, 3, 1);
        Tensor centres = KMeans.centres(points, 3, seed)) {
      float[] found = Tensors.toArray(centres.sort(0, false).get0());
      assertArrayEquals(new float[] {1, 2, 3}, found);
    }
  }
}
