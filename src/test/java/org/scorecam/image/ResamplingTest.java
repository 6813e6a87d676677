package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Locale;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

class ResamplingTest {
  @ParameterizedTest
  @CsvSource({
    "16, 16, BILINEAR", "50, 31, BILINEAR", "5, 40, BILINEAR",
    "16, 16, BICUBIC", "50, 31, BICUBIC", "5, 40, BICUBIC",
  })
  void bytesAreThoseOfPil(int width, int height, Interpolation interpolation) {
    String file =
        "noise-%dx%d-%s.png"
            .formatted(width, height, interpolation.name().toLowerCase(Locale.ROOT));
    Picture resized = TestPictures.picture("noise-37x23.png").resize(width, height, interpolation);
    assertEquals(0, TestPictures.distance(TestPictures.picture(file), resized));
  }

  @Test
  void lumaIsThatOfPil() {
    byte[] luma = Luma.of(TestPictures.picture("noise-37x23.png"));
    byte[] expected = TestPictures.picture("noise-37x23-luma.png").toBytes();
    for (int i = 0; i < luma.length; i++) {
      assertEquals(expected[3 * i], luma[i]);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFlatPictureStaysFlat(Interpolation interpolation) {
    byte[] flat = new byte[3 * 30 * 20];
    Arrays.fill(flat, (byte) 201);
    for (int[] size : new int[][] {{1, 1}, {7, 90}, {61, 3}, {30, 20}}) {
      byte[] resized = Picture.of(30, 20, flat).resize(size[0], size[1], interpolation).toBytes();
      byte[] expected = new byte[resized.length];
      Arrays.fill(expected, (byte) 201);
      assertEquals(0, Arrays.mismatch(expected, resized) + 1);
    }
  }

  @Test
  void theSameSizeIsTheSamePicture() {
    Picture noise = TestPictures.picture("noise-37x23.png");
    assertEquals(noise, noise.resize(37, 23, Interpolation.BICUBIC));
    byte[] samples = new byte[12];
    assertSame(samples, Resampling.resize(samples, 2, 2, 3, 2, 2, Interpolation.BILINEAR));
  }

  @Test
  void sizesWithoutPixelsOrBeyondTheLimitAreRefused() {
    Picture tall = Picture.of(1, 100_000, new byte[300_000]);
    assertThrows(InputException.class, () -> tall.resize(0, 5, Interpolation.BILINEAR));
    assertThrows(InputException.class, () -> tall.resize(100_000, 1, Interpolation.BILINEAR));
    assertThrows(InputException.class, () -> tall.resize(100_000, 2_000, Interpolation.BILINEAR));
  }

  @Test
  void enlargedFloatsAreThoseOfLibTorch() {
    int width = 7;
    int height = 5;
    float[] values = new float[width * height];
    for (int i = 0; i < values.length; i++) {
      values[i] = (i * 37 % 101) / 101f;
    }
    float[] ours =
        Resampling.resample(
            values,
            width,
            height,
            Taps.of(width, 33, Interpolation.BILINEAR),
            Taps.of(height, 16, Interpolation.BILINEAR));
    try (NativeScope scope = NativeScope.open()) {
      Tensor map = Tensor.create(values, 1, 1, height, width);
      Tensor theirs =
          torch.upsample_bilinear2d(
              map, new long[] {16, 33}, false, new DoubleOptional(), new DoubleOptional());
      for (int i = 0; i < ours.length; i++) {
        assertEquals(theirs.data_ptr_float().get(i), ours[i], 1e-5f);
      }
    }
  }

  @Test
  void weightsSumToOneAndStayInside() {
    for (Interpolation interpolation : Interpolation.values()) {
      for (int outputs : new int[] {1, 3, 10, 11, 40}) {
        Taps taps = Taps.of(10, outputs, interpolation);
        for (int i = 0; i < outputs; i++) {
          assertTrue(taps.first[i] >= 0 && taps.first[i] + taps.count[i] <= 10);
          double sum = 0;
          for (int j = 0; j < taps.count[i]; j++) {
            sum += taps.weights[i * taps.stride + j];
          }
          assertEquals(1, sum, 1e-12);
        }
      }
    }
  }
}
