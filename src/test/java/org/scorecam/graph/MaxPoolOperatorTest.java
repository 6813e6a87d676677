package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.tensor.Tensors;

/** Maxima as LibTorch's dispatcher calls them, against its own. */
class MaxPoolOperatorTest extends NativeOperatorTest {
  private static OperatorCall call(long side, long stride, long padding, boolean roundsUp) {
    return new OperatorCall(MaxPooling.OPERATOR, "")
        .open()
        .with(side)
        .with(stride)
        .with(padding)
        .with(roundsUp);
  }

  @ParameterizedTest
  @CsvSource({
    "3, 2, 1, false, 112, 112",
    "3, 2, 1, true, 13, 14",
    "3, 2, 0, true, 55, 54",
    "2, 2, 0, true, 7, 8",
    "2, 2, 0, false, 7, 8",
    "3, 1, 1, true, 5, 3",
    "2, 3, 1, true, 6, 7"
  })
  void isLibTorchs(
      long side, long stride, long padding, boolean roundsUp, long height, long width) {
    Tensor image = torch.randn(3, 24, height, width);
    Tensor expected =
        torch.max_pool2d(
            image,
            new long[] {side, side},
            new long[] {stride, stride},
            new long[] {padding, padding},
            new long[] {1, 1},
            roundsUp);
    try (OperatorCall call = call(side, stride, padding, roundsUp)) {
      Tensor actual = call.call(image);
      assertArrayEquals(expected.shape(), actual.shape());
      assertTrue(actual.equal(expected), "another output");
    }
  }

  @Test
  void aNanIsTheLargest() {
    Tensor image =
        Tensors.of(
            new float[] {Float.NaN, 1, 2, 3, Float.POSITIVE_INFINITY, Float.NaN}, 1, 1, 1, 6);
    try (OperatorCall call = call(1, 1, 0, false)) {
      assertArrayEquals(Tensors.toArray(image), Tensors.toArray(call.call(image)), 0);
    }
  }

  @Test
  void otherLayoutsAreCopied() {
    try (OperatorCall call = call(3, 2, 1, false)) {
      assertOtherLayoutsAreCopied(call);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Tensor image = torch.ones(1, 2, 4, 4);
    try (OperatorCall right = call(3, 1, 0, false);
        OperatorCall still = call(3, 0, 0, false);
        OperatorCall bordered = call(3, 1, 2, false)) {
      assertRefused(() -> right.call(torch.ones(2, 4, 4)), "the input has 3 dimensions, not 4");
      assertRefused(() -> right.call(image.to(ScalarType.Double)), "the input is not float32");
      assertRefused(
          () -> right.call(torch.ones(1, 2, 2, 4)), "does not fit into the image's 2 pixels");
      assertRefused(() -> still.call(image), "stride 0");
      assertRefused(() -> bordered.call(image), "padding is 2, more than half");
    }
  }
}
