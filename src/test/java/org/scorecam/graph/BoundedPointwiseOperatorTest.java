package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.scorecam.error.InputException;
import org.scorecam.kernel.BoundedPointwiseKernel;
import org.scorecam.tensor.Tensors;

/** Bounded convolutions as LibTorch's dispatcher calls them: layouts, and what is refused. */
class BoundedPointwiseOperatorTest extends NativeOperatorTest {
  /**
   * The sum of two channels, plus 1; they are kept between 0 and 1, and between -1 and infinity.
   */
  private static OperatorCall call(long outputs, long activation) {
    Tensor packed =
        BoundedPointwiseKernel.pack(
            torch.ones(1, 2, 1, 1),
            torch.ones(1),
            Tensors.of(new float[] {0, -1}, 2),
            Tensors.of(new float[] {1, Float.POSITIVE_INFINITY}, 2));
    return new OperatorCall(BoundedPointwiseKernel.OPERATOR, "")
        .open()
        .with(packed)
        .with(outputs)
        .with(activation);
  }

  @Test
  void computesByHand() {
    Tensor image = Tensors.of(new float[] {-3, 0.5f, 7, -3, 0.5f, 7}, 1, 2, 1, 3);
    try (OperatorCall plain = call(1, 0);
        OperatorCall relu6 = call(1, 2)) {
      Tensor output = plain.call(image);
      assertArrayEquals(new long[] {1, 1, 1, 3}, output.shape());
      assertArrayEquals(new float[] {0, 2, 9}, Tensors.toArray(output), 0);
      assertArrayEquals(new float[] {0, 2, 6}, Tensors.toArray(relu6.call(image)), 0);
    }
  }

  @Test
  void otherLayoutsAreCopied() {
    try (OperatorCall call = call(1, 1)) {
      assertOtherLayoutsAreCopied(call);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Tensor image = torch.ones(1, 2, 4, 4);
    try (OperatorCall right = call(1, 1);
        OperatorCall wider = call(40, 1);
        OperatorCall none = call(0, 1);
        OperatorCall unknown = call(1, 9)) {
      assertRefused(() -> right.call(torch.ones(2, 4, 4)), "an input has 3 dimensions, not 4");
      assertRefused(() -> right.call(image.to(ScalarType.Double)), "an input is not float32");
      assertRefused(
          () -> right.call(torch.ones(1, 3, 4, 4)), "is not packed for 3 inputs and 1 outputs");
      assertRefused(() -> wider.call(image), "is not packed for 2 inputs and 40 outputs");
      assertRefused(() -> none.call(image), "2 inputs and 0 outputs");
      assertRefused(() -> unknown.call(image), "activation is 9");
    }
  }

  @Test
  void packingLeavesNothingBehind() {
    Tensor weight = torch.ones(3, 2, 1, 1);
    Tensor bounds = torch.ones(2);
    assertFreedWithItsScope(
        () -> BoundedPointwiseKernel.pack(weight, torch.ones(3), bounds, bounds));
  }

  @Test
  void weightsOfAnotherShapeAreRefused() {
    Tensor bounds = torch.ones(2);
    String message =
        assertThrows(
                InputException.class,
                () ->
                    BoundedPointwiseKernel.pack(
                        torch.ones(3, 2, 1, 3), new Tensor(), bounds, bounds))
            .getMessage();
    assertTrue(message.contains("weight has shape [3, 2, 1, 3], not [O, I, 1, 1]"), message);
  }
}
