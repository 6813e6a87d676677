package org.scorecam.mask;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.InputException;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Our kernels beside LibTorch's own upsampling and arithmetic. */
class KernelMaskerTest {
  private static final double FLOAT_TOLERANCE = 2e-6;

  /** Rows that the chunk has before and after those that are written. */
  private static final long MARGIN = 1;

  private final Random random = new Random(7);

  /** From h×w maps to a C×H×W image. */
  record Shape(String name, int h, int w, int channels, int height, int width) {
    @Override
    public String toString() {
      return "%s: %dx%d to %dx%dx%d".formatted(name, h, w, channels, height, width);
    }
  }

  static List<Shape> shapes() {
    List<Shape> shapes = new ArrayList<>();
    shapes.add(new Shape("one value", 1, 1, 3, 1, 1));
    shapes.add(new Shape("one value grows", 1, 1, 3, 9, 11));
    shapes.add(new Shape("one row", 1, 5, 3, 6, 20));
    shapes.add(new Shape("one column", 5, 1, 3, 20, 6));
    shapes.add(new Shape("map larger than image", 14, 17, 3, 9, 6));
    shapes.add(new Shape("map as large as image", 6, 9, 3, 6, 9));
    shapes.add(new Shape("wide", 3, 8, 3, 10, 50));
    shapes.add(new Shape("tall", 8, 3, 3, 50, 10));
    for (int channels : new int[] {1, 3, 4, 13}) {
      shapes.add(new Shape(channels + " channels", 4, 5, channels, 12, 21));
    }
    for (int lanes : new int[] {4, 8, 16, 32, 64}) {
      for (int width = lanes - 1; width <= lanes + 1; width++) {
        shapes.add(new Shape(lanes + " lanes", 3, 4, 3, 5, width));
      }
    }
    shapes.add(new Shape("as networks have it", 7, 7, 3, 224, 224));
    return shapes;
  }

  @BeforeEach
  void kernelsAreThere() {
    NativeBuild.require();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("shapes")
  void masksAreThoseOfLibTorch(Shape shape) {
    for (Upsampling upsampling : Upsampling.values()) {
      for (MaskRule.Order order : MaskRule.Order.values()) {
        for (MemoryFormat layout :
            new MemoryFormat[] {MemoryFormat.Contiguous, MemoryFormat.ChannelsLast}) {
          compare(shape, new MaskRule(upsampling, order, 1e-8), layout);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Upsampling.class)
  void stridedImagesAreRead(Upsampling upsampling) {
    MaskRule rule = new MaskRule(upsampling, MaskRule.Order.AFTER_UPSAMPLING, 1e-10);
    try (NativeScope scope = NativeScope.open()) {
      Tensor wide = randomTensor(20, 40, 6); // H, W, C of a picture that the image is cut from
      Tensor image = wide.narrow(0, 3, 9).narrow(1, 5, 17).narrow(2, 2, 3).permute(2, 0, 1);
      assertFalse(image.is_contiguous());
      compare(randomTensor(4, 3, 5), image, rule, MemoryFormat.Contiguous);
      compare(randomTensor(4, 3, 5), image, rule, MemoryFormat.ChannelsLast);
    }
  }

  @Test
  void constantChannelsGiveZerosAndSayso() {
    for (double epsilon : new double[] {0, 1e-8}) {
      MaskRule rule = new MaskRule(Upsampling.BICUBIC, MaskRule.Order.AFTER_UPSAMPLING, epsilon);
      try (NativeScope scope = NativeScope.open()) {
        Tensor maps = randomTensor(3, 4, 4);
        maps.select(0, 1)
            .fill_(new Scalar(0.1f)); // not representable: upsampling makes noise of it
        try (Masks masks = new KernelMasker().prepare(maps, randomTensor(3, 30, 30), rule)) {
          assertTrue(masks.facts().isConstant(1));
          assertFalse(masks.facts().isConstant(0));
          assertFalse(masks.facts().isNonFinite(1));
          Tensor rows = torch.full(new long[] {2, 3, 30, 30}, new Scalar(5.0f));
          masks.write(new long[] {1, 0}, rows);
          assertEquals(0, rows.select(0, 0).abs().max().item_float());
          assertTrue(rows.select(0, 1).abs().max().item_float() > 0);
        }
      }
    }
  }

  @Test
  void nonFiniteChannelsAreFoundAndSpoilNoOthers() {
    MaskRule rule = new MaskRule(Upsampling.BILINEAR, MaskRule.Order.AFTER_UPSAMPLING, 1e-8);
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = randomTensor(5, 4, 4);
      Tensor image = randomTensor(3, 17, 19);
      Tensor finite = maps.clone();
      float[] values = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
      for (int i = 0; i < values.length; i++) {
        maps.select(0, i + 1).select(0, 2).select(0, 1).fill_(new Scalar(values[i]));
      }
      try (Masks masks = new KernelMasker().prepare(maps, image, rule);
          Masks operations = new TensorMasker().prepare(maps, image, rule)) {
        for (int k = 0; k < 5; k++) {
          assertEquals(k >= 1 && k <= 3, masks.facts().isNonFinite(k), "channel " + k);
          assertEquals(operations.facts().isNonFinite(k), masks.facts().isNonFinite(k));
          assertFalse(masks.facts().isConstant(k));
        }
        Tensor rows = torch.empty(new long[] {2, 3, 17, 19});
        masks.write(new long[] {0, 4}, rows);
        Tensor expected = masked(finite, image, rule, new long[] {0, 4});
        assertWithin(expected, rows, FLOAT_TOLERANCE, "beside NaN");
      }
    }
  }

  @Test
  void equalChannelsAreFound() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = randomTensor(6, 3, 3);
      maps.select(0, 4).copy_(maps.select(0, 1));
      maps.select(0, 5).copy_(maps.select(0, 1));
      maps.select(0, 5).select(0, 0).select(0, 0).add_(new Scalar(1e-3f));
      maps.select(0, 3).copy_(maps.select(0, 0));
      // Equal as numbers, though not as bits.
      maps.select(0, 0).select(0, 1).select(0, 1).fill_(new Scalar(0.0f));
      maps.select(0, 3).select(0, 1).select(0, 1).fill_(new Scalar(-0.0f));
      try (Masks masks = new KernelMasker().prepare(maps, randomTensor(1, 8, 8), anyRule())) {
        long[] firstEqual = {0, 1, 2, 0, 1, 5};
        for (int k = 0; k < firstEqual.length; k++) {
          assertEquals(firstEqual[k], masks.facts().firstEqual(k), "channel " + k);
        }
      }
    }
  }

  @Test
  void wrongArgumentsAreRefusedInWords() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = randomTensor(2, 3, 3);
      Tensor image = randomTensor(3, 8, 8);
      KernelMasker masker = new KernelMasker();
      assertMessage("float64", maps.to(ScalarType.Double), image);
      assertThrows(InputException.class, () -> masker.prepare(maps.select(0, 0), image, anyRule()));
      try (Masks masks = masker.prepare(maps, image, anyRule())) {
        Tensor rows = torch.empty(new long[] {1, 3, 8, 8});
        assertThrows(InputException.class, () -> masks.write(new long[] {2}, rows));
        assertThrows(InputException.class, () -> masks.write(new long[] {0, 1}, rows));
        Tensor small = torch.empty(new long[] {1, 3, 8, 7});
        assertThrows(InputException.class, () -> masks.write(new long[] {0}, small));
        Tensor transposed = torch.empty(new long[] {1, 3, 8, 8}).transpose(2, 3);
        assertThrows(InputException.class, () -> masks.write(new long[] {0}, transposed));
      }
    }
  }

  @Test
  void closingTwiceDoesNothing() {
    try (NativeScope scope = NativeScope.open()) {
      Masks masks =
          new KernelMasker().prepare(randomTensor(2, 3, 3), randomTensor(3, 8, 8), anyRule());
      masks.close();
      masks.close();
    }
  }

  @Test
  void cudaGivesWhatTheCpuGives() {
    Assumptions.assumeTrue(Device.cudaCount() > 0, "no CUDA device that this LibTorch can use");
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = randomTensor(5, 7, 7);
      Tensor image = randomTensor(3, 61, 67);
      maps.select(0, 3).copy_(maps.select(0, 1));
      org.bytedeco.pytorch.Device cuda = Device.cuda(0).toTorch();
      long[] channels = {4, 0, 1};
      for (ScalarType dtype : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        Tensor onCpu = torch.empty(new long[] {3, 3, 61, 67}, new TensorOptions(dtype), null);
        Tensor onCuda = onCpu.to(cuda, dtype);
        try (Masks cpu = new KernelMasker().prepare(maps, image, anyRule());
            Masks gpu =
                new KernelMasker()
                    .prepare(
                        maps.to(cuda, ScalarType.Float),
                        image.to(cuda, ScalarType.Float),
                        anyRule())) {
          cpu.write(channels, onCpu);
          gpu.write(channels, onCuda);
          assertEquals(1, gpu.facts().firstEqual(3));
          assertRounded(dtype, onCpu.to(ScalarType.Float), onCuda, "CUDA");
        }
      }
    }
  }

  private void assertMessage(String dtype, Tensor maps, Tensor image) {
    InputException e =
        assertThrows(
            InputException.class, () -> new KernelMasker().prepare(maps, image, anyRule()));
    assertTrue(e.getMessage().contains("activations"), e.getMessage() + " for " + dtype);
  }

  private void compare(Shape shape, MaskRule rule, MemoryFormat layout) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor maps = randomTensor(4, shape.h, shape.w);
      Tensor image = randomTensor(shape.channels, shape.height, shape.width);
      compare(maps, image, rule, layout);
    }
  }

  /** Writes some rows in the middle of a chunk, in each dtype. */
  private static void compare(Tensor maps, Tensor image, MaskRule rule, MemoryFormat layout) {
    long[] channels = {3, 0, 1};
    Tensor expected = masked(maps, image, rule, channels);
    long rows = channels.length + 2 * MARGIN;
    long[] shape = {rows, image.size(0), image.size(1), image.size(2)};
    try (Masks masks = new KernelMasker().prepare(maps, image, rule)) {
      for (ScalarType dtype :
          new ScalarType[] {ScalarType.Float, ScalarType.BFloat16, ScalarType.Half}) {
        Tensor chunk =
            torch.empty(shape, new TensorOptions(dtype), new MemoryFormatOptional(layout));
        chunk.fill_(new Scalar(-77.0f));
        Tensor written = chunk.narrow(0, MARGIN, channels.length);
        masks.write(channels, written);
        assertRounded(dtype, expected, written, rule + " " + layout + " " + dtype);
        for (long margin : new long[] {0, rows - 1}) {
          assertTrue(
              chunk.select(0, margin).eq(new Scalar(-77.0f)).all().item().toBool(),
              "wrote beside its rows");
        }
      }
    }
  }

  /** The definition of {@link MaskRule}, in LibTorch's operations. */
  private static Tensor masked(Tensor maps, Tensor image, MaskRule rule, long[] channels) {
    Tensor rows =
        torch.empty(new long[] {channels.length, image.size(0), image.size(1), image.size(2)});
    for (int i = 0; i < channels.length; i++) {
      Tensor map = maps.select(0, channels[i]).unsqueeze(0).unsqueeze(0);
      boolean before = rule.order() == MaskRule.Order.BEFORE_UPSAMPLING;
      Tensor small = before ? normalised(map, rule) : map;
      Tensor large = rule.upsampling().apply(small, image.size(1), image.size(2));
      Tensor mask = before ? large : normalised(large, rule);
      boolean constant = map.eq(map.flatten(0, -1).select(0, 0)).all().item().toBool();
      rows.select(0, i).copy_(constant ? torch.zeros_like(image) : image.mul(mask.squeeze(0)));
    }
    return rows;
  }

  private static Tensor normalised(Tensor map, MaskRule rule) {
    Tensor span = map.max().sub(map.min()).add(new Scalar(rule.epsilon()));
    return map.sub(map.min()).div(span);
  }

  private static MaskRule anyRule() {
    return new MaskRule(Upsampling.BICUBIC, MaskRule.Order.AFTER_UPSAMPLING, 1e-10);
  }

  private Tensor randomTensor(long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Tensor tensor = Tensors.of(values, shape);
    // Made outside of the caller's scope, by Tensors; the scope frees it all the same.
    return tensor.alias();
  }

  private static void assertRounded(
      ScalarType dtype, Tensor expected, Tensor actual, String message) {
    switch (dtype) {
      case Float -> assertWithin(expected, actual, FLOAT_TOLERANCE, message);
      case BFloat16 -> assertUlps(expected.to(dtype), actual, 7, -126, message);
      case Half -> assertUlps(expected.to(dtype), actual, 10, -14, message);
      default -> throw new AssertionError(dtype);
    }
  }

  private static void assertWithin(
      Tensor expected, Tensor actual, double tolerance, String message) {
    float[] wanted = Tensors.toArray(expected);
    float[] found = Tensors.toArray(actual);
    double range = rangeOf(wanted);
    for (int i = 0; i < wanted.length; i++) {
      double error = Math.abs((double) wanted[i] - found[i]);
      // Not "error >", which NaN would pass.
      if (!(error <= tolerance * range)) {
        throw new AssertionError(
            "%s: element %d is %s, not %s; range %s"
                .formatted(message, i, found[i], wanted[i], range));
      }
    }
  }

  /** Within one unit in the last place of a half type, beyond what float32 results may differ. */
  private static void assertUlps(
      Tensor rounded, Tensor actual, int fractionBits, int minExponent, String message) {
    float[] wanted = Tensors.toArray(rounded);
    float[] found = Tensors.toArray(actual);
    double range = rangeOf(wanted);
    for (int i = 0; i < wanted.length; i++) {
      int exponent = Math.max(Math.getExponent(wanted[i]), minExponent);
      double ulp = Math.scalb(1.0, exponent - fractionBits);
      double error = Math.abs((double) wanted[i] - found[i]);
      if (!(error <= ulp + FLOAT_TOLERANCE * range)) {
        throw new AssertionError(
            "%s: element %d is %s, not %s".formatted(message, i, found[i], wanted[i]));
      }
    }
  }

  private static double rangeOf(float[] values) {
    double lowest = Double.POSITIVE_INFINITY;
    double highest = Double.NEGATIVE_INFINITY;
    for (float value : values) {
      lowest = Math.min(lowest, value);
      highest = Math.max(highest, value);
    }
    return Math.max(highest - lowest, 1e-30);
  }
}
