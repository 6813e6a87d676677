package org.scorecam.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** How layouts are written, and the maps that they find in a tensor. */
class LayoutTest {
  private static Tensor counted(long... shape) {
    int count =
        IntStream.range(0, shape.length).map(i -> (int) shape[i]).reduce(1, (a, b) -> a * b);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i;
    }
    return Tensors.of(values, shape);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "channels-first",
        "channels-last",
        "tokens",
        "tokens:0",
        "tokens:5",
        "tokens:1:8x16",
        "tokens:0:2x7x7",
        "tokens:1:125"
      })
  void isReadAsItIsWritten(String text) {
    assertEquals(text, Layout.parse(text).toString());
  }

  @Test
  void partsAreRead() {
    assertEquals(Layout.CHANNELS_LAST, Layout.parse("channels-last"));
    assertEquals(Layout.tokens(2, 3, 4), Layout.parse("tokens:2:3x4"));
    assertEquals(OptionalInt.empty(), Layout.parse("tokens").leading());
    assertEquals(List.of(3L, 4L), Layout.tokens(2, 3, 4).grid());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nchw",
        "channels-first:1",
        "tokens:",
        "tokens:-1",
        "tokens:1:",
        "tokens:1:8x",
        "tokens::8x8",
        "tokens:1:0x8",
        "tokens:1:8X8",
        "tokens:9999999",
        "Tokens"
      })
  void whatIsNoLayoutIsRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> Layout.parse(text));
  }

  @Test
  void impossibleLayoutsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Layout.tokens(-1));
    assertThrows(IllegalArgumentException.class, () -> Layout.tokens(1, 0, 3));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Layout(Layout.Order.CHANNELS_LAST, OptionalInt.of(1), List.of()));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Layout(Layout.Order.CHANNELS_FIRST, OptionalInt.empty(), List.of(1L)));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> Layout.parse("nhwc"))
            .getMessage()
            .startsWith("'nhwc' is not a layout; write channels-first, channels-last, or tokens"));
  }

  @Test
  void mapsAreViews() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor output = counted(2, 7, 3);
      Tensor maps = Layout.tokens(1, 2, 3).maps(output);
      assertArrayEquals(new long[] {2, 3, 2, 3}, maps.shape());
      // The second input's token 1 + 1·3 + 2, and of that channel 1.
      assertEquals(
          21 + 6 * 3 + 1, maps.select(0, 1).select(0, 1).select(0, 1).select(0, 2).item_float());
      maps.zero_();
      assertEquals(2 * 3, output.ne(new Scalar(0.0)).sum().item_long() + 1, "the leading stay");
    }
  }

  @Test
  void channelsComeFirst() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor last = counted(2, 4, 5, 3);
      assertArrayEquals(new long[] {2, 3, 4, 5}, Layout.CHANNELS_LAST.maps(last).shape());
      assertTrue(Layout.CHANNELS_LAST.maps(last).equal(last.permute(0, 3, 1, 2)));
      assertTrue(Layout.CHANNELS_FIRST.maps(last).equal(last));
      assertArrayEquals(new long[] {2, 3, 4}, Layout.CHANNELS_LAST.maps(counted(2, 4, 3)).shape());
      assertEquals(1, Layout.CHANNELS_FIRST.channelDimension());
      assertEquals(-1, Layout.CHANNELS_LAST.channelDimension());
      assertEquals(-1, Layout.tokens(1).channelDimension());
    }
  }
}
