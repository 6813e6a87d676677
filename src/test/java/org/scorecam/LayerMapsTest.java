package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.error.LayerException;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.NativeScope;

/** Which layouts are certain by their shape, which are asked for, and what is said. */
class LayerMapsTest {
  /** Shapes without the batch's dimension, such as 768x7x7. */
  private static LayerMaps find(String output, String input, Layout named) {
    try (NativeScope scope = NativeScope.open()) {
      return LayerMaps.of("block", zeros(output), zeros(input), Optional.ofNullable(named));
    }
  }

  private static Tensor zeros(String shape) {
    return torch.zeros(
        Arrays.stream(("2x" + shape).split("x")).mapToLong(Long::parseLong).toArray());
  }

  @ParameterizedTest
  @CsvSource({
    // Convolutional networks, also of wide, odd and small pictures.
    "512x7x7, 3x224x224, channels-first",
    "6x16x16, 3x32x32, channels-first",
    "24x3x10, 3x90x317, channels-first",
    "512x1x26, 1x32x104, channels-first",
    "512x1x1, 3x32x32, channels-first",
    "64x128x128, 3x64x64, channels-first",
    "512x7x7, 3x224x320, channels-first",
    "32x28x28, 3x224x224, channels-first",
    // Swin's.
    "7x7x768, 3x224x224, channels-last",
    "56x56x384, 3x224x224, channels-last",
    "8x12x64, 3x32x48, channels-last",
    "1x1x768, 3x32x32, channels-last",
    // ViT's, with a class token and without.
    "197x768, 3x224x224, tokens:1:14x14",
    "196x768, 3x224x224, tokens:0:14x14",
    "50x768, 3x224x224, tokens:1:7x7",
    "97x5, 3x32x48, tokens:1:8x12",
    "96x5, 3x32x48, tokens:0:8x12",
    "12x5, 3x30x45, tokens:0:3x4",
    // 3-D.
    "512x2x7x7, 3x16x112x112, channels-first",
    "8x7x7x768, 3x16x224x224, channels-last",
  })
  void certainLayoutsAreFound(String output, String input, String layout) {
    assertEquals(new LayerMaps(Layout.parse(layout), Optional.empty()), find(output, input, null));
  }

  @ParameterizedTest
  @CsvSource({
    "16x16x6, 3x32x32, '6 maps of 16×16 (channels-last) or 16 maps of 16×6 (channels-first)'",
    "32x32x768, 3x1024x1024, '768 maps of 32×32 (channels-last) or 32 maps of 32×768'",
    "6x8, 3x8x32, 'tokens:0:1x6 or tokens:1:1x5'",
  })
  void whatCanBeSeveralIsAskedFor(String output, String input, String choices) {
    String message =
        assertThrows(LayerException.class, () -> find(output, input, null)).getMessage();
    assertTrue(message.startsWith("layer 'block' puts out "), message);
    assertTrue(message.contains("a tensor of shape [2, "), message);
    assertTrue(message.contains(choices), message);
    assertTrue(message.endsWith("say which (layout(…) in Java, --layout on the command line)"));
  }

  @ParameterizedTest
  @CsvSource({
    "64x64x64, 3x256x256, 64 maps of 64×64 (channels-last)",
    "6x50, 3x100, 50 maps of 6 (channels-last)",
    "16x1x26, 1x32x104, 26 maps of 16×1 (channels-last)",
  })
  void whatIsUsuallyChannelsFirstIsSaid(String output, String input, String other) {
    LayerMaps found = find(output, input, null);
    assertEquals(Layout.CHANNELS_FIRST, found.layout());
    String note = found.note().orElseThrow();
    assertTrue(note.contains("which was taken for "), note);
    assertTrue(note.contains("if it is " + other + ", say so"), note);
  }

  @ParameterizedTest
  @CsvSource({
    "16x16x6, 3x32x32, channels-last, channels-last",
    "16x16x6, 3x32x32, channels-first, channels-first",
    "201x384, 3x224x224, tokens:5, tokens:5:14x14",
    "197x384, 3x224x224, tokens, tokens:1:14x14",
    "33x8, 3x32x64, tokens:1, tokens:1:4x8",
    "33x8, 3x32x32, tokens:1:4x8, tokens:1:4x8",
    "1214x768, 1x128x1024, tokens:2:12x101, tokens:2:12x101",
    "50x6, 3x100, channels-last, channels-last",
    "51x6, 3x100, tokens:1, tokens:1:50",
    "393x96, 3x16x224x224, tokens:1:8x7x7, tokens:1:8x7x7",
  })
  void namedLayoutsAreTaken(String output, String input, String named, String layout) {
    assertEquals(
        new LayerMaps(Layout.parse(layout), Optional.empty()),
        find(output, input, Layout.parse(named)));
  }

  @ParameterizedTest
  @CsvSource({
    "198x768, 3x224x224, , '198 tokens (a tensor of shape [2, 198, 768]), which, with none or one of"
        + " them leading, do not form a grid of square patches of an input of 224×224; they can be"
        + " tokens:2:14x14; say how they are laid out'",
    "201x384, 3x224x224, tokens:1, 'with 1 leading, do not form a grid of square patches of an input of"
        + " 224×224; they can be tokens:5:14x14;'",
    "23x8, 3x32x32, tokens:0, 'do not form a grid of square patches of an input of 32×32; they can be'",
    "34x8, 3x32x32, tokens:1:4x8, 'with 1 leading, do not form a grid of 4×8;'",
    "33x8, 3x32x32, tokens:1:32, 'with 1 leading, do not form a grid of 32;'",
    "393x96, 3x16x224x224, tokens:1, 'can be tokens:1:2x14x14 or tokens:1:8x7x7: say which'",
    "33x8, 3x32x32, tokens:40, 'with 40 leading, do not form a grid'",
  })
  void tokensThatAreNoGridAreRefused(String output, String input, String named, String reason) {
    Layout layout = named == null ? null : Layout.parse(named);
    String message =
        assertThrows(LayerException.class, () -> find(output, input, layout)).getMessage();
    assertTrue(message.contains(reason), message);
  }

  @ParameterizedTest
  @CsvSource({
    "10, 3x64x64, , '[2, 10]; activation maps must have the shape [2, K, h, w], [2, h, w, K] or [2, tokens, K]'",
    "6x8x8, 3x64x64, tokens:1, 'the shape [2, tokens, K] of tokens:1'",
    "65x8, 3x64x64, channels-last, 'the shape [2, h, w, K] of channels-last'",
    "65x8, 3x64x64, channels-first, 'the shape [2, K, h, w] of channels-first'",
    "0x8x8, 3x64x64, , '[2, 0, 8, 8]; activation maps must have the shape'",
    "6x2x8x8, 3x64x64, , '[2, 6, 2, 8, 8]; activation maps must have the shape'",
  })
  void whatHoldsNoMapsIsRefused(String output, String input, String named, String reason) {
    Layout layout = named == null ? null : Layout.parse(named);
    String message =
        assertThrows(LayerException.class, () -> find(output, input, layout)).getMessage();
    assertTrue(message.contains(reason), message);
  }
}
