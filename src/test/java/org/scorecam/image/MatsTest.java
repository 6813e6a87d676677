package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_core.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

class MatsTest {
  /** As OpenCV reads a file of the tests: BGR, or as it is stored. */
  private static Mat read(String name, int flags) {
    try (NativeScope scope = NativeScope.open()) {
      byte[] file = TestPictures.bytes(name);
      Mat encoded = new Mat(1, file.length, opencv_core.CV_8UC1);
      encoded.data().put(file);
      return scope.keep(opencv_imgcodecs.imdecode(encoded, flags));
    }
  }

  private static Mat noise() {
    return read("noise-37x23.png", opencv_imgcodecs.IMREAD_COLOR);
  }

  private static Mat mat(int rows, int columns, int type, int... bytes) {
    try (NativeScope scope = NativeScope.open()) {
      Mat mat = new Mat(rows, columns, type);
      for (int i = 0; i < bytes.length; i++) {
        mat.data().put(i, (byte) bytes[i]);
      }
      return scope.keep(mat);
    }
  }

  /** A copy of a picture's part. */
  private static Picture part(Picture picture, int left, int top, int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    for (int i = 0; i < width * height; i++) {
      Pixels.put(rgb, i, picture.rgb(left + i % width, top + i / width));
    }
    return Picture.of(width, height, rgb);
  }

  private static String refusalOf(Runnable work) {
    return assertThrows(InputException.class, work::run).getMessage();
  }

  private static void assertMentions(String message, String... words) {
    for (String word : words) {
      assertTrue(message.contains(word), message);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"noise-37x23.png", "smooth-64x48.png"})
  void colourPicturesAreThoseOfTheReader(String name) {
    try (Mat mat = read(name, opencv_imgcodecs.IMREAD_COLOR)) {
      assertEquals(TestPictures.picture(name), Mats.toPicture(mat));
    }
  }

  @Test
  void greyPicturesAreThoseOfTheReader() {
    try (Mat mat = read("grey-8.png", opencv_imgcodecs.IMREAD_UNCHANGED)) {
      assertEquals(opencv_core.CV_8UC1, mat.type());
      assertEquals(TestPictures.picture("grey-8.png"), Mats.toPicture(mat));
    }
  }

  @Test
  void transparencyIsLaidOverWhite() {
    // Blue, green, red and alpha: opaque, transparent, and half of it.
    try (Mat mat = mat(1, 3, opencv_core.CV_8UC4, 10, 20, 30, 255, 1, 2, 3, 0, 0, 100, 200, 51)) {
      Picture picture = Mats.toPicture(mat);
      assertEquals(0x1e140a, picture.rgb(0, 0));
      assertEquals(0xffffff, picture.rgb(1, 0));
      // 200 · 0.2 + 255 · 0.8, and so on.
      assertEquals(244 << 16 | 224 << 8 | 204, picture.rgb(2, 0));
    }
  }

  @Test
  void rowsOfASubmatrixLieApart() {
    Picture whole = TestPictures.picture("noise-37x23.png");
    try (Mat mat = noise();
        Rect rect = new Rect(5, 3, 11, 9);
        Mat sub = new Mat(mat, rect)) {
      assertEquals(3 * 37, sub.step());
      Picture expected = part(whole, 5, 3, 11, 9);
      assertEquals(expected, Mats.toPicture(sub));
      try (Tensor input = Preprocessing.none().apply(expected);
          Tensor rgb = Mats.toTensor(sub);
          Tensor bgr = Mats.asTensor(sub);
          NativeScope scope = NativeScope.open()) {
        assertArrayEquals(new long[] {1, 3, 9, 11}, bgr.shape());
        assertEquals(sub.data().address(), bgr.data_ptr().address());
        float[] values = Tensors.toArray(rgb);
        assertArrayEquals(values, Tensors.toArray(bgr.flip(1)));
        float[] scaled = Tensors.toArray(input);
        for (int i = 0; i < values.length; i++) {
          assertEquals(scaled[i], values[i] / 255f);
        }
        // And back: the same memory and the same gaps.
        try (Mat back = Mats.asMat(bgr)) {
          assertEquals(sub.step(), back.step());
          assertEquals(sub.data().address(), back.data().address());
          assertEquals(expected, Mats.toPicture(back));
        }
      }
    }
  }

  @Test
  void rowsWithPaddingOfSomebodyElses() {
    byte[] bytes = {1, 2, 3, 99, 99, 99, 99, 99, 4, 5, 6, 98, 98, 98, 98, 98, 7, 8, 9};
    try (BytePointer memory = new BytePointer(bytes)) {
      try (Mat mat = new Mat(3, 3, opencv_core.CV_8UC1, memory, 8);
          Tensor tensor = Mats.toTensor(mat)) {
        assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9}, Tensors.toArray(tensor));
        assertEquals(0x060606, Mats.toPicture(mat).rgb(2, 1));
      }
    }
  }

  @Test
  void picturesGoOutInBlueGreenRed() {
    Picture picture = TestPictures.picture("noise-37x23.png");
    try (Mat out = Mats.toMat(picture);
        Mat expected = noise()) {
      assertEquals(opencv_core.CV_8UC3, out.type());
      assertEquals(0, opencv_core.norm(out, expected, opencv_core.NORM_INF, null));
      assertNotEquals(0, opencv_core.norm(expected));
    }
  }

  @Test
  void floatsThatOpenCvHasPrepared() {
    Picture picture = TestPictures.picture("noise-37x23.png");
    try (Mat mat = noise();
        Mat floats = new Mat();
        Scalar mean = new Scalar(0.406, 0.456, 0.485, 0);
        Tensor expected =
            Preprocessing.none()
                .normalise(new float[] {0.485f, 0.456f, 0.406f}, new float[] {1, 1, 1})
                .apply(picture)) {
      mat.convertTo(floats, opencv_core.CV_32F, 1 / 255.0, 0);
      try (Mat means = new Mat(23, 37, opencv_core.CV_32FC3, mean)) {
        opencv_core.subtract(floats, means, floats);
      }
      try (Tensor actual = Mats.toTensor(floats)) {
        assertArrayEquals(Tensors.toArray(expected), Tensors.toArray(actual), 1e-6f);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "0, 3", "0, 4", "5, 1", "5, 3", "5, 4"})
  void tensorsShareTheMemory(int depth, int channels) {
    try (NativeScope scope = NativeScope.open();
        Mat mat = new Mat(2, 3, opencv_core.CV_MAKETYPE(depth, channels), new Scalar(1, 2, 3, 4));
        Tensor tensor = Mats.asTensor(mat)) {
      assertArrayEquals(new long[] {1, channels, 2, 3}, tensor.shape());
      assertEquals(
          depth == opencv_core.CV_8U ? ScalarType.Byte : ScalarType.Float,
          tensor.scalar_type().intern());
      float[] values = Tensors.toArray(tensor);
      for (int i = 0; i < values.length; i++) {
        assertEquals(1 + i / 6, values[i]);
      }
      tensor.add_(new org.bytedeco.pytorch.Scalar(5));
      try (Mat back = Mats.asMat(tensor)) {
        assertEquals(mat.type(), back.type());
        assertEquals(0, opencv_core.norm(mat, back, opencv_core.NORM_INF, null));
      }
    }
  }

  @Test
  void mapsGoToOpenCv() {
    float[] values = {0, 0.25f, 0.5f, 1, 0.75f, 0.125f};
    try (Tensor map = Tensors.of(values, 2, 3);
        Mat mat = Mats.asMat(map);
        Mat larger = new Mat();
        org.bytedeco.opencv.opencv_core.Size size =
            new org.bytedeco.opencv.opencv_core.Size(6, 4)) {
      assertEquals(opencv_core.CV_32FC1, mat.type());
      assertEquals(map.data_ptr().address(), mat.data().address());
      opencv_imgproc.resize(mat, larger, size, 0, 0, opencv_imgproc.INTER_NEAREST);
      assertEquals(0.125f, new FloatPointer(larger.data()).get(3 * 6 + 5));
    }
  }

  @Test
  void columnsOfAMapKeepTheirStep() {
    try (Tensor whole = Tensors.of(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 2, 4);
        Tensor columns = whole.narrow(1, 1, 2);
        Mat mat = Mats.asMat(columns);
        Tensor back = Mats.asTensor(mat)) {
      assertEquals(16, mat.step());
      assertArrayEquals(new float[] {2, 3, 6, 7}, Tensors.toArray(back));
    }
  }

  @Test
  void otherTensorsAreRefused() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor planes = torch.zeros(1, 3, 4, 5);
      assertMentions(
          refusalOf(() -> Mats.asMat(planes)), "[1, 3, 4, 5]", "[60, 20, 5, 1]", "ChannelsLast");
      Mats.asMat(planes.contiguous(MemoryFormat.ChannelsLast)).close();
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(4, 5).t())), "pixel by pixel");
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(1, 5).expand(4, 5))), "[0, 1]");
      assertMentions(
          refusalOf(() -> Mats.asMat(torch.zeros(4, 5).to(ScalarType.Double))), "Double", "uint8");
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(2, 3, 4, 5))), "[1, C, H, W]");
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(7))), "[H, W]");
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(2, 4, 5))), "1, 3 or 4 channels");
      assertMentions(refusalOf(() -> Mats.asMat(torch.zeros(0, 5))), "no pixels");
    }
    assertThrows(NullPointerException.class, () -> Mats.asMat(null));
  }

  @ParameterizedTest
  @CsvSource({"7, 3, CV_16FC3", "2, 1, CV_16UC1", "6, 4, CV_64FC4", "0, 2, CV_8UC2"})
  void otherTypesAreRefused(int depth, int channels, String name) {
    try (Mat mat = new Mat(2, 3, opencv_core.CV_MAKETYPE(depth, channels))) {
      for (Runnable taken :
          List.<Runnable>of(
              () -> Mats.toPicture(mat), () -> Mats.asTensor(mat), () -> Mats.toTensor(mat))) {
        assertMentions(refusalOf(taken), "3 x 2", name, "CV_8U or CV_32F");
      }
    }
  }

  @Test
  void whatIsNoPictureIsRefused() {
    try (Mat empty = new Mat();
        Mat cube = new Mat(3, new int[] {2, 3, 4}, opencv_core.CV_8UC1);
        Mat floats = new Mat(2, 3, opencv_core.CV_32FC3);
        Mat alpha = new Mat(2, 3, opencv_core.CV_8UC4)) {
      assertMentions(refusalOf(() -> Mats.toPicture(empty)), "empty", "imread");
      assertMentions(refusalOf(() -> Mats.asTensor(cube)), "3 dimensions");
      assertMentions(refusalOf(() -> Mats.toPicture(floats)), "CV_32FC3", "black and white");
      assertMentions(refusalOf(() -> Mats.toTensor(alpha)), "CV_8UC4", "COLOR_BGRA2BGR");
      alpha.close();
      assertMentions(refusalOf(() -> Mats.asTensor(alpha)), "closed");
    }
    assertThrows(NullPointerException.class, () -> Mats.toPicture(null));
    assertThrows(NullPointerException.class, () -> Mats.toMat(null));
  }

  @Test
  void nothingIsLeftBehind() {
    try (Mat mat = noise()) {
      NativeObjects.assertNoneLeftBy(
          () -> {
            Mats.toMat(Mats.toPicture(mat)).close();
            Mats.toTensor(mat).close();
            try (Tensor tensor = Mats.asTensor(mat)) {
              Mats.asMat(tensor).close();
            }
            try (Mat wide = new Mat(2, 3, opencv_core.CV_64FC1)) {
              assertThrows(InputException.class, () -> Mats.toTensor(wide));
            }
          });
    }
  }
}
