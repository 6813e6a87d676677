package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Odd colour profiles in files of every format that has them: none makes a picture unreadable. */
class ColourProfileTest {
  private static final byte[] LINEAR = profile(ColorSpace.CS_LINEAR_RGB);

  /** Behind a header, a count, and two tags. */
  private static final int TABLES = 128 + 4 + 2 * 12;

  private static byte[] profile(int space) {
    return ICC_Profile.getInstance(space).getData();
  }

  /** Profiles that say nothing about red, green and blue, or nothing at all. */
  static Map<String, byte[]> useless() {
    Map<String, byte[]> profiles = new HashMap<>();
    profiles.put("grey", profile(ColorSpace.CS_GRAY));
    profiles.put("XYZ", profile(ColorSpace.CS_CIEXYZ));
    profiles.put("PhotoYCC", profile(ColorSpace.CS_PYCC));
    profiles.put("CMYK without tables", with(LINEAR, 16, "CMYK"));
    profiles.put("Lab without tables", with(LINEAR, 16, "Lab "));
    profiles.put("two components", with(LINEAR, 16, "2CLR"));
    profiles.put("truncated", Arrays.copyOf(LINEAR, LINEAR.length / 2));
    profiles.put("header alone", Arrays.copyOf(LINEAR, 128));
    profiles.put("no signature", with(LINEAR, 36, "nope"));
    profiles.put("wrong tag table", with(LINEAR, 128, "\u00ff\u00ff\u00ff\u00ff"));
    profiles.put("zeros", new byte[500]);
    profiles.put("one byte", new byte[1]);
    profiles.put("nothing", new byte[0]);
    return profiles;
  }

  private static byte[] with(byte[] profile, int at, String bytes) {
    byte[] changed = profile.clone();
    byte[] part = bytes.getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(part, 0, changed, at, part.length);
    return changed;
  }

  private static byte[] embed(String format, byte[] profile) {
    return switch (format) {
      case "jpeg" -> TestPictures.withColourProfile(TestPictures.bytes("baseline.jpg"), profile);
      case "cmyk" -> TestPictures.withColourProfile(TestPictures.bytes("cmyk.jpg"), profile);
      case "tiff" -> inTiff(TestPictures.bytes("formats/rgb-strips.tif"), profile);
      default -> inWebp(TestPictures.bytes("formats/rgb-lossless.webp"), profile);
    };
  }

  /** Appends a directory with a profile to a little-endian TIFF. */
  private static byte[] inTiff(byte[] tiff, byte[] profile) {
    ByteBuffer old = ByteBuffer.wrap(tiff).order(ByteOrder.LITTLE_ENDIAN);
    int directory = old.getInt(4);
    int entries = old.getShort(directory);
    ByteBuffer file =
        ByteBuffer.allocate(tiff.length + 2 + 12 * (entries + 1) + 4 + profile.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    file.put(tiff).putInt(4, tiff.length).putShort((short) (entries + 1));
    file.put(tiff, directory + 2, 12 * entries);
    file.putShort((short) 34675).putShort((short) 7).putInt(profile.length);
    file.putInt(file.position() + 8).putInt(0).put(profile);
    return file.array();
  }

  private static byte[] inWebp(byte[] webp, byte[] profile) {
    int length = webp.length + 18 + 8 + profile.length + profile.length % 2;
    ByteBuffer file = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
    file.put(webp, 0, 12).putInt(4, length - 8);
    file.put("VP8X".getBytes(StandardCharsets.US_ASCII)).putInt(10).putInt(0x20);
    file.put((byte) 40).putShort((short) 0).put((byte) 28).putShort((short) 0);
    file.put("ICCP".getBytes(StandardCharsets.US_ASCII)).putInt(profile.length).put(profile);
    file.position(file.position() + profile.length % 2);
    return file.put(webp, 12, webp.length - 12).array();
  }

  static Stream<Arguments> uselessInEveryFormat() {
    return Stream.of("jpeg", "cmyk", "tiff", "webp")
        .flatMap(
            format -> useless().keySet().stream().map(profile -> Arguments.of(format, profile)));
  }

  @ParameterizedTest(name = "{1} in {0}")
  @MethodSource("uselessInEveryFormat")
  void aUselessProfileIsIgnored(String format, String profile) {
    Picture plain = Picture.decode(embed(format, new byte[0]), "x");
    byte[] file = embed(format, useless().get(profile));
    for (int time = 0; time < 3; time++) {
      assertEquals(plain, Picture.decode(file, "x"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"jpeg", "tiff", "webp"})
  void aProfileOfColoursIsFollowedEveryTime(String format) {
    Picture plain = Picture.decode(embed(format, new byte[0]), "x");
    Picture first = Picture.decode(embed(format, LINEAR), "x");
    assertNotEquals(plain, first);
    for (int x = 0; x < plain.width(); x += 5) {
      double linear = (plain.rgb(x, 20) & 0xff) / 255.0;
      double expected =
          linear <= 0.0031308 ? 12.92 * linear : 1.055 * Math.pow(linear, 1 / 2.4) - 0.055;
      assertEquals(255 * expected, first.rgb(x, 20) & 0xff, 2);
    }
    assertEquals(first, Picture.decode(embed(format, LINEAR), "x"));
    // What follows the length that the profile names is not part of it.
    assertEquals(
        first, Picture.decode(embed(format, Arrays.copyOf(LINEAR, LINEAR.length + 40)), "x"));
  }

  @Test
  void sRgbByAnotherProgramChangesNothing() {
    byte[] other = profile(ColorSpace.CS_sRGB);
    other[4] ^= 1; // The preferred colour management module.
    byte[] rgb = {0, 1, 2, 100, (byte) 200, (byte) 255};
    byte[] converted = rgb.clone();
    ColourProfile.of(other).rgbToSrgb(converted);
    assertArrayEquals(rgb, converted);
  }

  /**
   * LittleCMS reads these, but cannot write what it has read: a profile kept from one picture to
   * the next fails at the second (TwelveMonkeys' issue 1208).
   */
  @ParameterizedTest
  @ValueSource(strings = {"jpeg", "cmyk", "tiff", "webp"})
  void aProfileThatCannotBeWrittenIsFollowedEveryTime(String format) {
    byte[] file = embed(format, brightnessAlone(format.equals("cmyk") ? "CMYK" : "RGB "));
    Picture first = Picture.decode(file, "x");
    assertEquals(first, Picture.decode(file, "x"));
    assertEquals(first, Picture.decode(file, "x"));
    for (int x = 0; x < first.width(); x += 7) {
      int rgb = first.rgb(x, 20);
      assertEquals(rgb & 0xff, rgb >> 16, 2, "is not grey");
      assertEquals(rgb & 0xff, rgb >> 8 & 0xff, 2, "is not grey");
    }
  }

  /** A profile of version 4 with tables as in version 2, by which all colours are grey. */
  private static byte[] brightnessAlone(String colours) {
    int channels = colours.strip().length();
    byte[] there = table(channels, 3, 0xf000);
    byte[] back = table(3, channels, 0x10000);
    ByteBuffer icc = ByteBuffer.allocate(TABLES + there.length + back.length);
    icc.putInt(0, icc.capacity()).putInt(8, 0x04200000).position(12);
    putName(icc, "mntr" + colours + "Lab ");
    putName(icc.position(36), "acsp");
    // The illuminant, D50.
    icc.putInt(68, 0xf6d6).putInt(72, 0x10000).putInt(76, 0xd32d).position(128);
    putName(icc.putInt(2), "A2B0");
    putName(icc.putInt(TABLES).putInt(there.length), "B2A0");
    return icc.putInt(TABLES + there.length).putInt(back.length).put(there).put(back).array();
  }

  /**
   * A table of two points for each channel.
   *
   * @param diagonal of the matrix before it; one that is not the identity's 0x10000 has no place in
   *     version 4
   */
  private static byte[] table(int from, int to, int diagonal) {
    int corners = 1 << from;
    ByteBuffer table = ByteBuffer.allocate(52 + 4 * from + 2 * to * corners + 4 * to);
    putName(table, "mft2");
    table.putInt(0).put((byte) from).put((byte) to).put((byte) 2).put((byte) 0);
    for (int i = 0; i < 9; i++) {
      table.putInt(i % 4 == 0 ? diagonal : 0);
    }
    table.putShort((short) 2).putShort((short) 2);
    putStraightLines(table, from);
    for (int corner = 0; corner < corners; corner++) {
      int ones = Integer.bitCount(corner);
      table.putShort((short) (0xff00 * (from == 4 ? 4 - ones : ones) / from));
      for (int i = 1; i < to; i++) {
        table.putShort((short) 0x8000);
      }
    }
    putStraightLines(table, to);
    return table.array();
  }

  private static void putName(ByteBuffer icc, String name) {
    icc.put(name.getBytes(StandardCharsets.US_ASCII));
  }

  private static void putStraightLines(ByteBuffer icc, int count) {
    for (int i = 0; i < count; i++) {
      icc.putShort((short) 0).putShort((short) 0xffff);
    }
  }
}
