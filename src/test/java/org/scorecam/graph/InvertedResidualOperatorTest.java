package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.scorecam.error.InputException;
import org.scorecam.kernel.InvertedResidualKernel;
import org.scorecam.kernel.InvertedResidualKernel.Block;
import org.scorecam.kernel.InvertedResidualKernel.Weights;
import org.scorecam.tensor.Tensors;

/** Inverted residuals as LibTorch's dispatcher calls them: layouts, and what is refused. */
class InvertedResidualOperatorTest extends NativeOperatorTest {
  private static Weights ones(long... shape) {
    return new Weights(torch.ones(shape), new Tensor());
  }

  /** Two channels to three and back to two, 3×3, with ReLU. */
  private static Tensor weight() {
    return pack(
        ones(3, 2, 1, 1),
        ones(3, 1, 3, 3),
        null,
        null,
        new Weights(torch.ones(2, 3, 1, 1), torch.ones(2)));
  }

  private static OperatorCall call(
      Tensor weight, long hidden, long outputs, long side, long stride, boolean addsInput) {
    return call(weight, hidden, 0, outputs, side, stride, addsInput);
  }

  private static OperatorCall call(
      Tensor weight,
      long hidden,
      long squeezed,
      long outputs,
      long side,
      long stride,
      boolean addsInput) {
    return new OperatorCall(InvertedResidualKernel.OPERATOR, "")
        .open()
        .with(weight)
        .with(hidden)
        .with(squeezed)
        .with(outputs)
        .with(side)
        .with(stride)
        .with(1L)
        .with(1L)
        .with((long) Activation.HARDSIGMOID.kernelCode())
        .with(true)
        .with(addsInput);
  }

  private static Tensor pack(
      Weights expand, Weights filter, Weights squeeze, Weights excite, Weights project) {
    return InvertedResidualKernel.pack(new Block(expand, filter, squeeze, excite, project));
  }

  @Test
  void computesByHand() {
    Tensor image = torch.ones(1, 2, 2, 1);
    try (OperatorCall call = call(weight(), 3, 2, 3, 1, true)) {
      // Each pixel is 2 after expansion; both are summed up in 3 channels; 12 + 1 + 1.
      assertArrayEquals(new float[] {14, 14, 14, 14}, Tensors.toArray(call.call(image)), 0);
    }
    try (OperatorCall call = call(weight(), 3, 2, 3, 2, false)) {
      Tensor output = call.call(image);
      assertArrayEquals(new long[] {1, 2, 1, 1}, output.shape());
      assertArrayEquals(new float[] {13, 13}, Tensors.toArray(output), 0);
    }
  }

  @Test
  void scalesByHand() {
    Tensor weight =
        pack(
            ones(3, 2, 1, 1),
            ones(3, 1, 3, 3),
            ones(1, 3, 1, 1),
            new Weights(torch.ones(3, 1, 1, 1).div(new Scalar(12)), new Tensor()),
            new Weights(torch.ones(2, 3, 1, 1), torch.ones(2)));
    try (OperatorCall call = call(weight, 3, 1, 2, 3, 1, true);
        OperatorCall unsqueezed = call(weight, 3, 2, 3, 1, true)) {
      // Means of 4 are squeezed to 12; (1 + 3) / 6 of 3 times 4 is 8; 8 + 1 + 1.
      Tensor output = call.call(torch.ones(1, 2, 2, 1));
      assertArrayEquals(new float[] {10, 10, 10, 10}, Tensors.toArray(output), 1e-5f);
      assertRefused(
          () -> unsqueezed.call(torch.ones(1, 2, 2, 1)),
          "is not packed for 2 inputs, 3 hidden channels, 0 squeezed ones and 2 outputs");
    }
  }

  @Test
  void otherLayoutsAreCopied() {
    try (OperatorCall call = call(weight(), 3, 2, 3, 1, true)) {
      assertOtherLayoutsAreCopied(call);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() {
    Tensor image = torch.ones(1, 2, 4, 4);
    try (OperatorCall right = call(weight(), 3, 2, 3, 1, true);
        OperatorCall wider = call(weight(), 4, 2, 3, 1, true);
        OperatorCall longer = call(weight(), 3, 2, 7, 1, true);
        OperatorCall huge = call(weight(), 3, 2, 3, 1L << 40, false);
        OperatorCall strided = call(weight(), 3, 2, 3, 2, true)) {
      assertRefused(() -> right.call(torch.ones(2, 4, 4)), "the input has 3 dimensions, not 4");
      assertRefused(() -> right.call(image.to(ScalarType.Double)), "the input is not float32");
      assertRefused(() -> right.call(torch.ones(1, 3, 4, 4)), "is not packed for 3 inputs");
      assertRefused(() -> right.call(torch.ones(1, 2, 0, 4)), "[1, 2, 0, 4] is empty");
      assertRefused(() -> wider.call(image), "is not packed for 2 inputs, 4 hidden channels");
      assertRefused(() -> longer.call(image), "the filter is 7 x 7, not 3 x 3 or 5 x 5");
      assertRefused(() -> huge.call(image), "stride is -1, not 1 or 2");
      assertRefused(() -> strided.call(image), "cannot be added to 2 outputs with stride 2");
      assertEquals(2 * 16, right.call(image).numel());
    }
  }

  @Test
  void packingLeavesNothingBehind() {
    Weights expand = ones(4, 2, 1, 1);
    Weights filter = ones(4, 1, 3, 3);
    assertFreedWithItsScope(() -> pack(expand, filter, null, null, null));
  }

  @Test
  void weightsThatDoNotGoTogetherAreRefused() {
    String message =
        assertThrows(
                InputException.class,
                () -> pack(ones(3, 2, 1, 1), ones(4, 1, 3, 3), null, null, null))
            .getMessage();
    assertTrue(
        message.contains("expand has shape [3, 2, 1, 1], not [E, I, 1, 1] with E = 4"), message);
    assertThrows(InputException.class, () -> pack(null, ones(4, 1, 3, 5), null, null, null));
    assertThrows(
        InputException.class, () -> pack(null, ones(4, 1, 3, 3), null, null, ones(2, 5, 1, 1)));
  }
}
