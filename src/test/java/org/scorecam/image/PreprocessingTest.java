package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.error.InputException;

class PreprocessingTest {
  private static long[] shape(Tensor tensor) {
    return tensor.shape();
  }

  private static float at(Tensor tensor, long n, long c, long y, long x) {
    long i = ((n * tensor.size(1) + c) * tensor.size(2) + y) * tensor.size(3) + x;
    return tensor.data_ptr_float().get(i);
  }

  @Test
  void imagenetIsThatOfTorchvision() {
    try (Tensor smooth = Preprocessing.imagenet().apply(TestPictures.picture("smooth-64x48.png"));
        Tensor noise = Preprocessing.imagenet().apply(TestPictures.picture("noise-37x23.png"))) {
      assertArrayEquals(new long[] {1, 3, 224, 224}, shape(smooth));
      assertEquals(torch.ScalarType.Float, smooth.scalar_type().intern());
      assertTrue(smooth.is_contiguous());
      int[][] places = {
        {0, 0, 0}, {1, 0, 223}, {2, 223, 0}, {0, 223, 223}, {1, 100, 57}, {2, 57, 180}
      };
      double[] ofSmooth = {
        -1.3986643552780151,
        -1.808123230934143,
        0.7227888703346252,
        1.4611696004867554,
        -0.1624649614095688,
        0.6182137131690979
      };
      double[] ofNoise = {
        -0.18280678987503052,
        1.7282912731170654,
        0.8273640275001526,
        1.63241708278656,
        2.0084033012390137,
        -0.28810447454452515
      };
      for (int i = 0; i < places.length; i++) {
        int[] p = places[i];
        assertEquals(ofSmooth[i], at(smooth, 0, p[0], p[1], p[2]), 1e-6);
        assertEquals(ofNoise[i], at(noise, 0, p[0], p[1], p[2]), 1e-6);
      }
      assertMeans(smooth, 0.033393241465091705, 0.02135860174894333, 0.7260567545890808);
      assertMeans(noise, -0.04879402741789818, 0.1772800236940384, 0.3713371157646179);
    }
  }

  private static void assertMeans(Tensor tensor, double... expected) {
    for (int c = 0; c < expected.length; c++) {
      double sum = 0;
      for (int i = 0; i < 224 * 224; i++) {
        sum += tensor.data_ptr_float().get(c * 224L * 224 + i);
      }
      assertEquals(expected[c], sum / (224 * 224), 1e-5);
    }
  }

  @Test
  void noneKeepsSizeAndScalesToOne() {
    Picture picture = Picture.of(2, 1, new byte[] {0, 51, (byte) 255, 102, (byte) 204, 1});
    try (Tensor tensor = Preprocessing.none().apply(picture)) {
      assertArrayEquals(new long[] {1, 3, 1, 2}, shape(tensor));
      float[] expected = {0, 0.4f, 0.2f, 0.8f, 1, 1 / 255f};
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], tensor.data_ptr_float().get(i), 1e-7f);
      }
    }
    assertEquals(new Region(0, 0, 2, 1), Preprocessing.none().regionOf(picture));
  }

  @Test
  void stretchGivesExactlyTheSize() {
    Picture noise = TestPictures.picture("noise-37x23.png");
    Preprocessing stretch = Preprocessing.imagenet().stretch(50, 31, Interpolation.BICUBIC);
    Picture expected = TestPictures.picture("noise-50x31-bicubic.png");
    try (Tensor tensor = stretch.apply(noise)) {
      assertArrayEquals(new long[] {1, 3, 31, 50}, shape(tensor));
      float green = (expected.rgb(49, 30) >> 8 & 0xff) / 255f;
      assertEquals((green - 0.456f) / 0.224f, at(tensor, 0, 1, 30, 49), 1e-6f);
    }
    assertEquals(new Region(0, 0, 37, 23), stretch.regionOf(noise));
  }

  @Test
  void greyIsOneChannelOfLuma() {
    Picture noise = TestPictures.picture("noise-37x23.png");
    Picture luma = TestPictures.picture("noise-37x23-luma.png");
    Preprocessing grey = Preprocessing.none().grey();
    assertEquals(1, grey.channels());
    assertEquals(3, Preprocessing.imagenet().channels());
    try (Tensor tensor = grey.apply(noise);
        Tensor custom =
            Preprocessing.none().normalise(new float[] {0.25f}, new float[] {0.5f}).apply(noise);
        Tensor imagenet = Preprocessing.imagenet().grey().apply(noise)) {
      assertArrayEquals(new long[] {1, 1, 23, 37}, shape(tensor));
      float value = (luma.rgb(11, 7) & 0xff) / 255f;
      assertEquals(value, at(tensor, 0, 0, 7, 11), 1e-7f);
      assertEquals((value - 0.25f) / 0.5f, at(custom, 0, 0, 7, 11), 1e-6f);
      assertArrayEquals(new long[] {1, 1, 224, 224}, shape(imagenet));
    }
  }

  @ParameterizedTest
  @CsvSource({
    // Landscape, 341 x 256 and 58.5 rounded to even; portrait; square and already 256.
    "640, 480, 58, 16, 341, 256",
    "480, 640, 16, 58, 256, 341",
    "256, 256, 16, 16, 256, 256",
  })
  void theRegionIsTheCropInThePicture(
      int width, int height, int left, int top, int resizedWidth, int resizedHeight) {
    Picture picture = Picture.of(width, height, new byte[3 * width * height]);
    Region region = Preprocessing.imagenet().regionOf(picture);
    double perColumn = (double) width / resizedWidth;
    double perRow = (double) height / resizedHeight;
    assertEquals(left * perColumn, region.x(), 1e-9);
    assertEquals(top * perRow, region.y(), 1e-9);
    assertEquals(224 * perColumn, region.width(), 1e-9);
    assertEquals(224 * perRow, region.height(), 1e-9);
  }

  @Test
  void severalPicturesMakeOneInput() {
    Picture noise = TestPictures.picture("noise-37x23.png");
    Picture smooth = TestPictures.picture("smooth-64x48.png");
    try (Tensor both = Preprocessing.imagenet().apply(List.of(noise, smooth));
        Tensor one = Preprocessing.imagenet().apply(noise);
        Tensor other = Preprocessing.imagenet().apply(smooth)) {
      assertArrayEquals(new long[] {2, 3, 224, 224}, shape(both));
      assertEquals(at(one, 0, 2, 100, 57), at(both, 0, 2, 100, 57));
      assertEquals(at(other, 0, 2, 223, 223), at(both, 1, 2, 223, 223));
    }
    InputException e =
        assertThrows(
            InputException.class, () -> Preprocessing.none().apply(List.of(noise, smooth)));
    assertEquals(
        "pictures of one input must end up the same size, but picture 0 is 37 x 23 and picture 1 is 64 x 48",
        e.getMessage());
    assertThrows(InputException.class, () -> Preprocessing.none().apply(List.of()));
  }

  @Test
  void whatCannotBeBroughtToSizeIsRefused() {
    Picture small = Picture.of(10, 300, new byte[9000]);
    InputException crop =
        assertThrows(
            InputException.class, () -> Preprocessing.none().centreCrop(20, 20).apply(small));
    assertEquals("a crop of 20 x 20 does not fit in a picture of 10 x 300", crop.getMessage());
    Picture needle = Picture.of(1, 200_000, new byte[600_000]);
    for (Preprocessing preprocessing :
        List.of(
            Preprocessing.imagenet(),
            Preprocessing.none().stretch(1000, 1, Interpolation.BILINEAR))) {
      InputException large = assertThrows(InputException.class, () -> preprocessing.apply(needle));
      assertTrue(large.getMessage().contains("more than the limit"), large.getMessage());
    }
  }

  @Test
  void nonsenseIsRefused() {
    Preprocessing none = Preprocessing.none();
    float[] one = {1};
    float[] three = {1, 1, 1};
    assertThrows(IllegalArgumentException.class, () -> none.normalise(one, three));
    assertThrows(IllegalArgumentException.class, () -> none.normalise(new float[2], new float[2]));
    assertThrows(IllegalArgumentException.class, () -> none.normalise(three, new float[3]));
    assertThrows(
        IllegalArgumentException.class, () -> none.normalise(new float[] {Float.NaN}, one));
    assertThrows(IllegalArgumentException.class, () -> none.centreCrop(0, 5));
    assertThrows(IllegalArgumentException.class, () -> none.stretch(5, 0, Interpolation.BILINEAR));
    assertThrows(
        IllegalArgumentException.class, () -> none.shorterSide(-1, Interpolation.BILINEAR));
  }

  @Test
  void theTensorIsTheCallersAndNothingElseStays() {
    Picture noise = TestPictures.picture("noise-37x23.png");
    Preprocessing preprocessing = Preprocessing.imagenet();
    preprocessing.apply(noise).close();
    long before = Pointer.totalCount();
    for (int i = 0; i < 20; i++) {
      try (Tensor tensor = preprocessing.apply(noise)) {
        assertFalse(tensor.isNull());
        assertEquals(224, tensor.size(3));
      }
    }
    // The collector may meanwhile have freed what other tests left.
    assertTrue(Pointer.totalCount() <= before);
  }
}
