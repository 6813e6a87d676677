package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.InputException;

/**
 * Every format and kind of it that is read, against what Pillow reads: {@code EXPECTED-KIND.*} in
 * {@code image/formats} has to come out as {@code EXPECTED.png}.
 */
class PictureFormatsTest {
  static Stream<String> files() throws IOException, URISyntaxException {
    List<String> names;
    try (Stream<Path> files =
        Files.list(Path.of(PictureFormatsTest.class.getResource("/image/formats").toURI()))) {
      names =
          files.map(file -> file.getFileName().toString()).filter(n -> n.contains("-")).toList();
    }
    assertEquals(47, names.size());
    return names.stream().sorted();
  }

  private static byte[] bytes(String name) {
    return TestPictures.bytes("formats/" + name);
  }

  private static Picture expected(String name) {
    return TestPictures.picture("formats/" + name.substring(0, name.indexOf('-')) + ".png");
  }

  /** How far decoders may differ, in rounding and in how they smooth the colours of lossy files. */
  private static int tolerance(String name) {
    return switch (name.substring(0, name.indexOf('-'))) {
      case "lossy", "lossyclear" -> 12;
      case "jpeg", "inksjpeg" -> 4;
      case "inks", "ycck", "bmp565" -> 1;
      default -> 0;
    };
  }

  @ParameterizedTest
  @MethodSource("files")
  void everyFormatIsRead(String name) {
    int distance = TestPictures.distance(expected(name), Picture.decode(bytes(name), name));
    assertTrue(distance <= tolerance(name), name + " is off by " + distance);
  }

  @ParameterizedTest
  @MethodSource("files")
  void aFileCutAnywhereIsRefusedOrTheWholePicture(String name) {
    byte[] whole = bytes(name);
    Picture picture = Picture.decode(whole, name);
    int refused = 0;
    for (int length = 1; length < whole.length; length += 1 + whole.length / 300) {
      try {
        // What lacks nothing but an end mark, or later pages, is the picture.
        assertEquals(picture, Picture.decode(Arrays.copyOf(whole, length), name), name + length);
      } catch (InputException e) {
        assertTrue(e.getMessage().startsWith("picture " + name + " is "), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
        refused++;
      }
    }
    assertTrue(refused > 100, name + " was refused only " + refused + " times");
  }

  @ParameterizedTest
  @MethodSource("files")
  void changedBytesAreAPictureOrAnError(String name) {
    System.setProperty(Picture.MAX_PIXELS, "100000");
    byte[] whole = bytes(name);
    for (int i = 0; i < Math.min(whole.length, 400); i++) {
      byte[] changed = whole.clone();
      changed[i] ^= (byte) (0x01 << i % 8);
      try {
        assertTrue(Picture.decode(changed, name).width() > 0);
      } catch (InputException e) {
        assertEquals(1, e.getMessage().lines().count());
      }
    }
    System.clearProperty(Picture.MAX_PIXELS);
  }

  @Test
  void floatingPointAndSignedSamplesAreRefusedByName() {
    byte[] floats = tiff(2, 2, 32, 3, new byte[16]);
    assertRefused(floats, "picture x has floating-point samples");
    for (int bits : new int[] {8, 16, 32}) {
      byte[] signed = tiff(2, 2, bits, 2, new byte[bits / 2]);
      assertRefused(signed, "picture x has signed samples");
    }
    byte[] wide = tiff(2, 1, 32, 1, new byte[] {0, 0, 0, 0x40, 0, 0, 0, (byte) 0xff});
    assertEquals(0x404040, Picture.decode(wide, "x").rgb(0, 0));
    assertEquals(0xffffff, Picture.decode(wide, "x").rgb(1, 0));
  }

  /** A grey TIFF, little-endian, of one strip. */
  private static byte[] tiff(int width, int height, int bits, int sampleFormat, byte[] data) {
    int[][] tags = {
      {256, width},
      {257, height},
      {258, bits},
      {259, 1},
      {262, 1},
      {273, 8},
      {277, 1},
      {278, height},
      {279, data.length},
      {339, sampleFormat}
    };
    ByteBuffer file = ByteBuffer.allocate(8 + data.length + 2 + 12 * tags.length + 4);
    file.order(ByteOrder.LITTLE_ENDIAN).put((byte) 'I').put((byte) 'I').putShort((short) 42);
    file.putInt(8 + data.length).put(data).putShort((short) tags.length);
    for (int[] tag : tags) {
      file.putShort((short) tag[0]).putShort((short) 4).putInt(1).putInt(tag[1]);
    }
    return file.array();
  }

  private static void assertRefused(byte[] file, String beginning) {
    InputException e = assertThrows(InputException.class, () -> Picture.decode(file, "x"));
    assertTrue(e.getMessage().startsWith(beginning), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"palette-gif.gif", "rgb-24_bits.bmp", "rgb-lossless.webp", "rgb-strips.tif"})
  void theLimitHoldsForEveryFormat(String name) {
    System.setProperty(Picture.MAX_PIXELS, "1188");
    try {
      assertRefused(bytes(name), "picture x is 41 x 29, more than the limit of 1188 pixels");
    } finally {
      System.clearProperty(Picture.MAX_PIXELS);
    }
  }

  @Test
  void sizesThatOnlyAPartOfAFileHasAreRefusedToo() {
    byte[] gif = bytes("palette-gif.gif");
    Arrays.fill(gif, 6, 10, (byte) 0xf0);
    assertRefused(gif, "picture x is 61680 x 61680, more than the limit");

    byte[] webp = bytes("screen-animated.webp");
    Arrays.fill(webp, 24, 30, (byte) 0xf0);
    assertRefused(webp, "picture x is 15790321 x 15790321, more than the limit");

    byte[] tiles = bytes("rgb-tiles.tif");
    setTag(tiles, 322, 1 << 30);
    assertRefused(tiles, "picture x has tiles, each of which is 1073741824 x 16, more than");

    byte[] jpeg = bytes("jpeg-tiff.tif");
    int frame = indexOf(jpeg, new byte[] {(byte) 0xff, (byte) 0xc0});
    Arrays.fill(jpeg, frame + 5, frame + 9, (byte) 0xfd);
    assertRefused(jpeg, "picture x contains a JPEG that is 65021 x 65021, more than");

    byte[] samples = bytes("rgb-strips.tif");
    setTag(samples, 277, 60_000);
    assertRefused(samples, "picture x has 60000 samples per pixel");
  }

  /** Sets the one value of a tag in a little-endian TIFF to a LONG. */
  private static void setTag(byte[] tiff, int tag, int value) {
    ByteBuffer buffer = ByteBuffer.wrap(tiff).order(ByteOrder.LITTLE_ENDIAN);
    int directory = buffer.getInt(4);
    for (int entry = directory + 2; ; entry += 12) {
      if ((buffer.getShort(entry) & 0xffff) == tag) {
        buffer.putShort(entry + 2, (short) 4).putInt(entry + 4, 1).putInt(entry + 8, value);
        return;
      }
    }
  }

  private static int indexOf(byte[] data, byte[] part) {
    String all = new String(data, StandardCharsets.ISO_8859_1);
    return all.indexOf(new String(part, StandardCharsets.ISO_8859_1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "%PDF-1.7 | a PDF document",
        "<!DOCTYPE html><html> | an HTML page, perhaps in place of a download that failed",
        "<html lang='en'> | an HTML page, perhaps in place of a download that failed",
        "<?xml version='1.0'?><svg xmlns=''> | an SVG drawing",
        "<svg width='3'> | an SVG drawing",
        "....ftypheic....mif1heic | a HEIC picture",
        "....ftypmif1....avifmif1 | an AVIF picture",
        "....ftypavif....mif1 | an AVIF picture",
        "....ftypisom....isom | an MP4 video",
        "....ftypqt  ....qt | a QuickTime video",
        "RIFF....AVI LIST | an AVI video",
        "8BPS.. | a Photoshop document",
        "version https://git-lfs.github.com/spec/v1 | a Git LFS pointer",
        "{\"a\": 1} | a text file",
        "P6 3 2 255 | a PNM picture",
      })
  void otherKindsOfFilesAreNamed(String content, String kind) {
    byte[] file = content.strip().getBytes(StandardCharsets.UTF_8);
    if (content.contains("ftyp")) {
      ByteBuffer.wrap(file).putInt(file.length);
    }
    InputException e = assertThrows(InputException.class, () -> Picture.decode(file, "x"));
    assertTrue(
        e.getMessage()
            .startsWith(
                "picture x is " + kind + ", and only PNG, JPEG, GIF, BMP, TIFF and WebP are read"),
        e.getMessage());
  }

  @Test
  void whatCanBeDoneAboutAnotherKindIsSaid() {
    byte[] heic = "\0\0\0\30ftypheic\0\0\0\0mif1heic".getBytes(StandardCharsets.ISO_8859_1);
    assertRefused(
        heic,
        "picture x is a HEIC picture, and only PNG, JPEG, GIF, BMP, TIFF and WebP are read; convert"
            + " it first");
  }
}
