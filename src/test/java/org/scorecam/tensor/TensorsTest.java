package org.scorecam.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

/** Copies between Java arrays and tensors. */
class TensorsTest {
  private static final float[] SIX = {1, 2, 3, 4, 5, 6};

  @Test
  void valuesComeBackInRowMajorOrder() {
    try (Tensor tensor = Tensors.of(SIX, 2, 3)) {
      assertEquals("[2, 3]", Tensors.shapeOf(tensor));
      assertArrayEquals(SIX, Tensors.toArray(tensor));
      assertArrayEquals(new float[][] {{1, 2, 3}, {4, 5, 6}}, Tensors.toRows(tensor));
    }
  }

  @Test
  void theTensorIsACopy() {
    float[] values = SIX.clone();
    try (Tensor tensor = Tensors.of(values, 6)) {
      values[0] = 100;
      assertEquals(1, Tensors.toArray(tensor)[0]);
    }
  }

  @Test
  void anyLayoutAndDtypeIsCopiedInOrder() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = Tensors.of(SIX, 2, 3);
      float[] transposed = {1, 4, 2, 5, 3, 6};
      assertArrayEquals(transposed, Tensors.toArray(tensor.t()));
      assertArrayEquals(transposed, Tensors.toArray(tensor.t().to(ScalarType.Double)));
      assertArrayEquals(transposed, Tensors.toArray(tensor.t().to(ScalarType.BFloat16)));
      assertArrayEquals(new float[] {2, 5}, Tensors.toArray(tensor.select(1, 1)));
      assertArrayEquals(new float[0], Tensors.toArray(tensor.narrow(0, 0, 0)));
      assertArrayEquals(new float[] {21}, Tensors.toArray(tensor.sum()));
      assertArrayEquals(new float[][] {{1, 4}, {2, 5}, {3, 6}}, Tensors.toRows(tensor.t()));
    }
  }

  @Test
  void whatHasNoRealNumbersIsRefused() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = Tensors.of(SIX, 2, 3);
      refusesToRead("to_dense", tensor.to_sparse());
      refusesToRead("to_dense", tensor.to_sparse_csr());
      refusesToRead("to_dense", tensor.to_mkldnn());
      refusesToRead("undefined", new Tensor());
      refusesToRead("on meta", tensor.to(new Device("meta"), ScalarType.Float));
      refusesToRead("dequantize", torch.quantize_per_tensor(tensor, 0.1, 0, ScalarType.QInt8));
      Tensor conjugates = torch.view_as_complex(torch.ones(1, 1, 2)).conj();
      refusesToRead("view_as_real", conjugates);
      assertArrayEquals(new float[] {-1}, Tensors.toArray(torch.imag(conjugates)));
      Tensor closed = torch.ones(1, 1);
      closed.close();
      refusesToRead("has been closed", closed);
    }
  }

  private static void refusesToRead(String words, Tensor tensor) {
    for (Executable read :
        List.<Executable>of(() -> Tensors.toArray(tensor), () -> Tensors.toRows(tensor))) {
      String message = assertThrows(InputException.class, read).getMessage();
      assertTrue(message.contains(words), message);
    }
  }

  @Test
  void picturesWithChannelsLastBecomePlanes() {
    float[][][] image = {{{1, 2}, {3, 4}, {5, 6}}, {{7, 8}, {9, 10}, {11, 12}}};
    try (Tensor tensor = Tensors.ofImage(image)) {
      assertEquals("[1, 2, 2, 3]", Tensors.shapeOf(tensor));
      assertArrayEquals(
          new float[] {1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12}, Tensors.toArray(tensor));
    }
  }

  @Test
  void greyPicturesBecomeOnePlane() {
    try (Tensor tensor = Tensors.ofImage(new float[][] {{1, 2, 3}, {4, 5, 6}})) {
      assertEquals("[1, 1, 2, 3]", Tensors.shapeOf(tensor));
      assertArrayEquals(SIX, Tensors.toArray(tensor));
    }
  }

  @Test
  void shapesThatDoNotHoldTheValuesAreRefused() {
    assertRefused("6 values do not fill the shape [2, 2]", () -> Tensors.of(SIX, 2, 2));
    assertRefused("the shape [-2, -3] has a negative size", () -> Tensors.of(SIX, -2, -3));
    assertRefused(
        "do not fill the shape [4611686018427387904, 4]",
        () -> Tensors.of(new float[0], 1L << 62, 4));
  }

  @Test
  void emptyAndRaggedPicturesAreRefused() {
    assertRefused("0 × 0 pixels", () -> Tensors.ofImage(new float[0][]));
    assertRefused("0 × 2 pixels", () -> Tensors.ofImage(new float[2][0]));
    assertRefused("2 × 2 pixels with 0 channels", () -> Tensors.ofImage(new float[2][2][0]));
    assertRefused(
        "row 1 of the image has 2 values, but the first has 3",
        () -> Tensors.ofImage(new float[][] {{1, 2, 3}, {4, 5}}));
    assertRefused(
        "row 1 of the image has 1 values, but the first has 2",
        () -> Tensors.ofImage(new float[][][] {{{1}, {2}}, {{3}}}));
    assertRefused(
        "pixel (0, 1) of the image has 2 values, but the first has 1",
        () -> Tensors.ofImage(new float[][][] {{{1}, {2, 3}}}));
  }

  private static void assertRefused(String reason, Runnable conversion) {
    String message = assertThrows(InputException.class, conversion::run).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void conversionsLeaveNothingBehind() {
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (Tensor tensor = Tensors.ofImage(new float[][] {{1, 2}, {3, 4}});
              Tensor plane = tensor.squeeze()) {
            Tensors.toArray(tensor);
            Tensors.toRows(plane);
          }
        });
  }
}
