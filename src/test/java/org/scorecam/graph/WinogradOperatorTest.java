package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.kernel.Winograd;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Our convolutions as LibTorch's dispatcher calls them, against LibTorch's own. */
class WinogradOperatorTest extends NativeOperatorTest {
  private static final double TOLERANCE = 1e-5;

  /** Images, inputs, height, width, outputs, padding. */
  record Shape(long images, long inputs, long height, long width, long outputs, long padding) {}

  static List<Shape> shapes() {
    return List.of(
        new Shape(1, 32, 7, 9, 32, 1),
        new Shape(1, 32, 7, 9, 32, 0),
        new Shape(3, 64, 14, 14, 48, 1),
        new Shape(2, 33, 5, 3, 35, 1),
        new Shape(2, 3, 3, 3, 5, 0),
        new Shape(4, 16, 1, 1, 32, 1),
        new Shape(5, 16, 1, 8, 33, 1),
        new Shape(2, 1, 6, 6, 1, 2));
  }

  private static Tensor channelsLast(long... shape) {
    return torch.randn(shape).contiguous(MemoryFormat.ChannelsLast);
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void computesWhatConv2dDoes(Shape shape) {
    Tensor input = channelsLast(shape.images, shape.inputs, shape.height, shape.width);
    Tensor weight = torch.randn(shape.outputs, shape.inputs, 3, 3);
    Tensor bias = torch.randn(shape.outputs);
    long[] ones = {1, 1};
    long[] padding = {shape.padding, shape.padding};
    Tensor sum = torch.conv2d(input, weight, new TensorOptional(bias), ones, padding, ones, 1);
    Tensor residual = torch.randn_like(sum).contiguous(MemoryFormat.ChannelsLast);
    Tensor packed = Winograd.pack(weight);
    for (boolean relu : new boolean[] {false, true}) {
      try (OperatorCall plain = plain(packed, bias, shape.padding, relu);
          OperatorCall adding = adding(packed, bias, shape.padding, relu)) {
        Tensor actual = plain.call(input);
        assertTrue(actual.is_contiguous(MemoryFormat.ChannelsLast), "another layout");
        Goldens.assertClose(relu ? sum.relu() : sum, actual, TOLERANCE);
        Tensor added = sum.add(residual);
        Goldens.assertClose(relu ? added.relu() : added, adding.call(input, residual), TOLERANCE);
      }
    }
  }

  private static OperatorCall plain(Tensor packed, Tensor bias, long padding, boolean relu) {
    return new OperatorCall(Winograd.OPERATOR, "")
        .open()
        .with(packed)
        .with(bias)
        .with(padding)
        .with(relu);
  }

  private static OperatorCall adding(Tensor packed, Tensor bias, long padding, boolean relu) {
    return new OperatorCall(Winograd.RESIDUAL_OPERATOR, "")
        .open()
        .open()
        .with(packed)
        .with(bias)
        .with(padding)
        .with(relu);
  }

  /** What is said of a call that must be refused; the operator has to work after it. */
  private static void assertRefusedThisTime(Runnable call, String... reasons) {
    assertRefused(call, reasons);
    try (OperatorCall plain =
        plain(Winograd.pack(torch.ones(2, 2, 3, 3)), torch.ones(2), 0, false)) {
      Tensor nineteen = plain.call(torch.ones(1, 2, 3, 3).contiguous(MemoryFormat.ChannelsLast));
      assertArrayEquals(new float[] {19, 19}, Tensors.toArray(nineteen), 1e-4f);
    }
  }

  private static void assertRefuses(Tensor input, Tensor residual, String... reasons) {
    Tensor packed = Winograd.pack(torch.randn(32, 32, 3, 3));
    Tensor bias = torch.zeros(32);
    try (OperatorCall plain = plain(packed, bias, 1, false);
        OperatorCall adding = adding(packed, bias, 1, false)) {
      assertRefusedThisTime(
          () -> {
            if (residual == null) {
              plain.call(input);
            } else {
              adding.call(input, residual);
            }
          },
          reasons);
    }
  }

  /** Views of a channels-last tensor [2, 32, 8, 9] and others that lie in memory in another way. */
  static Stream<Arguments> layouts() {
    Map<String, UnaryOperator<Tensor>> views = new LinkedHashMap<>();
    views.put("contiguous", x -> x.contiguous(MemoryFormat.Contiguous));
    views.put("cropped", x -> x.narrow(2, 0, 5).narrow(3, 0, 6));
    views.put("cropped from the middle", x -> x.narrow(2, 2, 5).narrow(3, 1, 6));
    views.put(
        "cropped contiguous",
        x -> x.contiguous(MemoryFormat.Contiguous).narrow(2, 1, 5).narrow(3, 3, 6));
    views.put("some channels", x -> x.narrow(1, 3, 16));
    views.put("one image", x -> x.narrow(0, 1, 1).narrow(3, 0, 4));
    views.put("transposed", x -> x.transpose(2, 3));
    views.put("transposed channels", x -> x.transpose(1, 2));
    views.put("expanded images", x -> x.narrow(0, 0, 1).expand(3, 32, 8, 9));
    views.put("expanded channels", x -> x.narrow(1, 5, 1).expand(2, 12, 8, 9));
    views.put("one value", x -> x.narrow(0, 0, 1).flatten().narrow(0, 7, 1).expand(2, 3, 4, 5));
    views.put("overlapping", x -> x.flatten().unfold(0, 60, 7).reshape(-1, 3, 4, 5));
    views.put("no images", x -> x.narrow(0, 1, 0).narrow(3, 0, 4));
    return views.entrySet().stream().map(view -> Arguments.of(view.getKey(), view.getValue()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("layouts")
  void otherLayoutsAreCopied(String name, UnaryOperator<Tensor> view) {
    Tensor input = view.apply(channelsLast(2, 32, 8, 9));
    Tensor dense = input.contiguous(MemoryFormat.ChannelsLast).clone();
    Tensor weight = torch.randn(7, input.size(1), 3, 3);
    Tensor bias = torch.randn(7);
    Tensor sum = convolved(dense, weight, bias);
    try (OperatorCall plain = plain(Winograd.pack(weight), bias, 1, true)) {
      Tensor actual = plain.call(input);
      assertTrue(actual.is_contiguous(MemoryFormat.ChannelsLast), "another layout");
      Goldens.assertClose(sum.relu(), actual, TOLERANCE);
      assertTrue(input.equal(dense), "the input has changed");
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("layouts")
  void residualsInOtherLayoutsAreCopied(String name, UnaryOperator<Tensor> view) {
    Tensor residual = view.apply(channelsLast(2, 32, 8, 9));
    Tensor dense = residual.contiguous(MemoryFormat.ChannelsLast).clone();
    Tensor input = channelsLast(residual.size(0), 4, residual.size(2), residual.size(3));
    Tensor weight = torch.randn(residual.size(1), 4, 3, 3);
    Tensor bias = torch.randn(residual.size(1));
    Tensor sum = convolved(input, weight, bias).add(dense);
    try (OperatorCall adding = adding(Winograd.pack(weight), bias, 1, true)) {
      Goldens.assertClose(sum.relu(), adding.call(input, residual), TOLERANCE);
      assertTrue(residual.equal(dense), "the residual has changed");
    }
  }

  /** A slice may be dense at one size of the input, and not at the next. */
  @Test
  void slicesAreConvolvedWhateverTheirSize() {
    Tensor weight = torch.randn(8, 8, 3, 3);
    Tensor bias = torch.randn(8);
    try (OperatorCall adding = adding(Winograd.pack(weight), bias, 1, false)) {
      for (long side = 3; side < 9; side++) {
        Tensor slice = channelsLast(2, 8, side, side).narrow(2, 0, 3).narrow(3, 0, 3);
        Goldens.assertClose(
            convolved(slice, weight, bias).add(slice), adding.call(slice, slice), TOLERANCE);
      }
    }
  }

  private static Tensor convolved(Tensor input, Tensor weight, Tensor bias) {
    long[] ones = {1, 1};
    return torch.conv2d(input, weight, new TensorOptional(bias), ones, ones, ones, 1);
  }

  @Test
  void otherRanksAreRefused() {
    assertRefuses(torch.randn(32, 5, 6), null, "the input has 3 dimensions, not 4");
    assertRefuses(
        channelsLast(2, 32, 5, 6),
        torch.randn(1, 2, 32, 5, 6),
        "the residual has 5 dimensions, not 4");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Half", "BFloat16", "Double"})
  void otherTypesAreRefused(String dtype) {
    Tensor input = channelsLast(2, 32, 5, 6);
    Tensor other = input.to(ScalarType.valueOf(dtype));
    assertRefuses(other, null, "the input is not float32");
    assertRefuses(input, other, "the residual is not float32");
  }

  @Test
  void residualsOfOtherShapesAreRefused() {
    assertRefuses(
        channelsLast(2, 32, 5, 6),
        channelsLast(1, 32, 5, 6),
        "the residual of shape [1, 32, 5, 6] does not fit the output's [2, 32, 5, 6]");
    assertRefuses(
        channelsLast(2, 32, 5, 6), channelsLast(2, 32, 1, 1), "does not fit the output's");
  }

  @Test
  void imagesThatAreTooSmallAreRefused() {
    try (OperatorCall plain =
        plain(Winograd.pack(torch.randn(32, 32, 3, 3)), torch.zeros(32), 0, false)) {
      assertRefusedThisTime(
          () -> plain.call(channelsLast(1, 32, 2, 5)), "[1, 32, 2, 5] is too small");
    }
  }

  @Test
  void weightsAndBiasesThatDoNotFitAreRefused() {
    Tensor input = channelsLast(2, 32, 5, 6);
    Tensor packed = Winograd.pack(torch.randn(32, 32, 3, 3));
    Tensor half = torch.zeros(32).to(ScalarType.Half);
    List<OperatorCall> calls = new ArrayList<>();
    calls.add(plain(Winograd.pack(torch.randn(32, 16, 3, 3)), torch.zeros(32), 1, false));
    calls.add(plain(torch.randn(32, 32, 3, 3), torch.zeros(32), 1, false));
    calls.add(plain(packed.to(ScalarType.BFloat16), torch.zeros(32), 1, false));
    calls.add(plain(packed, torch.zeros(32 + 64), 1, false));
    for (OperatorCall call : calls) {
      try (call) {
        assertRefusedThisTime(() -> call.call(input), "weight");
      }
    }
    for (Tensor bias : List.of(half, torch.zeros(32, 1), torch.zeros(32, 2).select(1, 0))) {
      try (OperatorCall call = plain(packed, bias, 1, false)) {
        assertRefusedThisTime(() -> call.call(input), "the bias");
      }
    }
  }

  @Test
  void paddingIsLimited() {
    for (long padding : new long[] {-1, 3, (1L << 32) + 1}) {
      try (OperatorCall call =
          plain(Winograd.pack(torch.randn(32, 32, 3, 3)), torch.zeros(32), padding, false)) {
        assertRefusedThisTime(() -> call.call(channelsLast(1, 32, 9, 9)), "padding");
      }
    }
  }

  /** Less at once may succeed, so that a chunk is halved and tried again. */
  @Test
  void anOutputThatMemoryCannotHoldIsReportedAsSuch() {
    // Nothing is written to either, so that the system gives no pages for them.
    Tensor input = torch.empty(1L << 25, 1, 1, 1);
    Tensor packed = Winograd.pack(torch.empty(1, 1, 3, 3).expand(1L << 17, 1, 3, 3));
    try (OperatorCall call = plain(packed, torch.zeros(1L << 17), 2, false)) {
      RuntimeException thrown = assertThrows(RuntimeException.class, () -> call.call(input));
      assertTrue(NativeErrors.isOutOfMemory(thrown), thrown.getMessage());
      String words = NativeErrors.messageOf(thrown);
      assertTrue(
          words.contains("out of memory: an output of shape [33554432, 131072, 3, 3]"), words);
    }
  }

  @Test
  void packedWeightsAreAboutFourTimesAsMany() {
    Tensor packed = Winograd.pack(torch.randn(64, 48, 3, 3));
    assertArrayEquals(new long[] {36L * 64 * 48}, packed.shape());
    // Outputs are padded to whole vectors.
    assertTrue(Winograd.pack(torch.randn(33, 48, 3, 3)).numel() > 36L * 33 * 48);
    assertFalse(packed.requires_grad());
  }

  @Test
  void onlyFiltersOfThreeByThreeArePacked() {
    assertThrows(InputException.class, () -> Winograd.pack(torch.randn(32, 32, 5, 5)));
    assertThrows(InputException.class, () -> Winograd.pack(torch.randn(32, 32, 3)));
    assertThrows(
        InputException.class, () -> Winograd.pack(torch.ones(4, 4, 3, 3).to(ScalarType.Double)));
  }

  @Test
  void noImagesGiveNoOutput() {
    try (OperatorCall call =
        plain(Winograd.pack(torch.randn(32, 32, 3, 3)), torch.zeros(32), 1, false)) {
      assertArrayEquals(new long[] {0, 32, 5, 6}, call.call(channelsLast(0, 32, 5, 6)).shape());
    }
  }

  @Test
  void packingLeavesNothingBehind() {
    Tensor weight = torch.ones(3, 2, 3, 3);
    assertFreedWithItsScope(() -> Winograd.pack(weight));
  }

  @Test
  void callsLeaveNothingBehind() {
    Tensor input = channelsLast(2, 32, 5, 6);
    Tensor weight = torch.randn(32, 32, 3, 3);
    Tensor bias = torch.zeros(32);
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (NativeScope inner = NativeScope.open();
              OperatorCall call = plain(Winograd.pack(weight), bias, 1, true)) {
            call.call(input);
            call.call(input.transpose(2, 3));
            assertThrows(RuntimeException.class, () -> call.call(bias));
          }
        });
  }
}
