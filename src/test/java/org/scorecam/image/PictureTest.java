package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.InputException;
import org.scorecam.error.OutputException;

class PictureTest {
  private static String messageOf(byte[] encoded) {
    return assertThrows(InputException.class, () -> Picture.decode(encoded, "x")).getMessage();
  }

  @ParameterizedTest
  @CsvSource({"baseline.jpg, 3", "progressive.jpg, 8"})
  void colourJpegsAreWhatWasEncoded(String file, int tolerance) {
    int distance =
        TestPictures.distance(TestPictures.picture("smooth-64x48.png"), TestPictures.picture(file));
    assertTrue(distance <= tolerance, file + " is off by " + distance);
  }

  @Test
  void cmykJpegsBecomeSrgb() {
    Picture cmyk = TestPictures.picture("cmyk.jpg");
    Picture rgb = TestPictures.picture("cmyk-rgb.png");
    int distance = TestPictures.distance(rgb, cmyk);
    assertTrue(distance <= 1, "off by " + distance);
  }

  @Test
  void colourProfilesOfJpegsAreFollowed() {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    Picture plain = Picture.decode(jpeg, "x");
    byte[] srgb = ICC_Profile.getInstance(ColorSpace.CS_sRGB).getData();
    assertEquals(plain, Picture.decode(TestPictures.withColourProfile(jpeg, srgb), "x"));
    byte[] linear = ICC_Profile.getInstance(ColorSpace.CS_LINEAR_RGB).getData();
    Picture converted = Picture.decode(TestPictures.withColourProfile(jpeg, linear), "x");
    for (int x = 0; x < 64; x += 9) {
      double blue = (plain.rgb(x, 20) & 0xff) / 255.0;
      double expected = blue <= 0.0031308 ? 12.92 * blue : 1.055 * Math.pow(blue, 1 / 2.4) - 0.055;
      assertEquals(255 * expected, converted.rgb(x, 20) & 0xff, 2);
    }
    // A file that is not a profile does not hide the picture.
    assertEquals(plain, Picture.decode(TestPictures.withColourProfile(jpeg, new byte[200]), "x"));
  }

  @Test
  void greyJpegsKeepTheirValues() {
    Picture grey = TestPictures.picture("grey.jpg");
    byte[] luma = Luma.of(TestPictures.picture("smooth-64x48.png"));
    for (int i = 0; i < luma.length; i++) {
      int rgb = grey.rgb(i % 64, i / 64);
      assertEquals(rgb & 0xff, rgb >> 16);
      assertEquals(rgb & 0xff, rgb >> 8 & 0xff);
      assertEquals(luma[i] & 0xff, rgb & 0xff, 4);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"grey-8.png", "grey-16.png"})
  void greyPngsKeepTheirValues(String file) {
    Picture picture = TestPictures.picture(file);
    for (int y = 0; y < 4; y++) {
      for (int x = 0; x < 16; x++) {
        assertEquals(4 * (16 * y + x) * 0x010101, picture.rgb(x, y));
      }
    }
  }

  @Test
  void onePixelBitsAreBlackAndWhite() {
    Picture picture = TestPictures.picture("bilevel.png");
    assertEquals(0x000000, picture.rgb(9, 1)); // 100
    assertEquals(0xffffff, picture.rgb(10, 1)); // 104
  }

  @Test
  void palettesAreLookedUp() {
    assertEquals(
        TestPictures.picture("palette-16-rgb.png"), TestPictures.picture("palette-16.png"));
  }

  @Test
  void sixteenBitColoursKeepTheirHighByte() {
    byte[] png =
        TestPictures.png(
            TestPictures.header(1, 1, 16, 2),
            TestPictures.data(0, 0x12, 0xff, 0x80, 0x00, 0xfe, 0x7f),
            TestPictures.end());
    assertEquals(0x1280fe, Picture.decode(png, "x").rgb(0, 0));
  }

  @Test
  void transparencyIsLaidOverWhite() {
    byte[] rgba =
        TestPictures.png(
            TestPictures.header(3, 1, 8, 6),
            TestPictures.data(0, 10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51),
            TestPictures.end());
    Picture picture = Picture.decode(rgba, "x");
    assertEquals(0x0a141e, picture.rgb(0, 0));
    assertEquals(0xffffff, picture.rgb(1, 0));
    assertEquals(0xcce0ff, picture.rgb(2, 0)); // 0.8 white and 0.2 of the colour

    byte[] greyAlpha =
        TestPictures.png(
            TestPictures.header(1, 1, 8, 4), TestPictures.data(0, 100, 51), TestPictures.end());
    assertEquals(0xe0e0e0, Picture.decode(greyAlpha, "x").rgb(0, 0));

    byte[] transparentColour =
        TestPictures.png(
            TestPictures.header(2, 1, 8, 2),
            TestPictures.chunk("tRNS", new byte[] {0, 1, 0, 2, 0, 3}),
            TestPictures.data(0, 1, 2, 3, 1, 2, 4),
            TestPictures.end());
    assertEquals(0xffffff, Picture.decode(transparentColour, "x").rgb(0, 0));
    assertEquals(0x010204, Picture.decode(transparentColour, "x").rgb(1, 0));

    byte[] transparentPalette =
        TestPictures.png(
            TestPictures.header(2, 1, 8, 3),
            TestPictures.chunk("PLTE", new byte[] {9, 8, 7, 0, 100, (byte) 255}),
            TestPictures.chunk("tRNS", new byte[] {(byte) 255, 51}),
            TestPictures.data(0, 0, 1),
            TestPictures.end());
    assertEquals(0x090807, Picture.decode(transparentPalette, "x").rgb(0, 0));
    assertEquals(0xcce0ff, Picture.decode(transparentPalette, "x").rgb(1, 0));
  }

  @ParameterizedTest
  @CsvSource({
    // What is to be seen at the top left and the top right: a corner of the stored picture.
    "1, 64, 48, TL, TR",
    "2, 64, 48, TR, TL",
    "3, 64, 48, BR, BL",
    "4, 64, 48, BL, BR",
    "5, 48, 64, TL, BL",
    "6, 48, 64, BL, TL",
    "7, 48, 64, BR, TR",
    "8, 48, 64, TR, BR",
  })
  void everyExifOrientationIsRespected(
      int orientation, int width, int height, String topLeft, String topRight) {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    Picture stored = Picture.decode(jpeg, "stored");
    for (boolean littleEndian : new boolean[] {true, false}) {
      byte[] turned = TestPictures.withExifOrientation(jpeg, orientation, littleEndian);
      Picture seen = Picture.decode(turned, "turned");
      assertEquals(width, seen.width());
      assertEquals(height, seen.height());
      assertEquals(corner(stored, topLeft), seen.rgb(0, 0));
      assertEquals(corner(stored, topRight), seen.rgb(width - 1, 0));
    }
  }

  private static int corner(Picture picture, String name) {
    int x = name.charAt(1) == 'L' ? 0 : picture.width() - 1;
    int y = name.charAt(0) == 'T' ? 0 : picture.height() - 1;
    return picture.rgb(x, y);
  }

  @Test
  void orientationOfPngsIsRespected() {
    byte[] png =
        TestPictures.png(
            TestPictures.header(2, 1, 8, 0),
            TestPictures.chunk("eXIf", TestPictures.tiff(3, false)),
            TestPictures.data(0, 10, 20),
            TestPictures.end());
    assertEquals(0x141414, Picture.decode(png, "x").rgb(0, 0));
  }

  @Test
  void brokenExifLeavesThePictureUpright() {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    assertEquals(
        Picture.decode(jpeg, "x"),
        Picture.decode(TestPictures.withExifOrientation(jpeg, 9, true), "x"));
    byte[] whole = TestPictures.tiff(6, true);
    for (int length = 0; length < 32; length++) {
      assertEquals(Orientation.UPRIGHT, Orientation.ofTiff(Arrays.copyOf(whole, length)));
    }
    assertEquals(new Orientation(6), Orientation.ofTiff(whole));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "baseline.jpg",
        "progressive.jpg",
        "grey.jpg",
        "cmyk.jpg",
        "noise-16x16-bilinear.png",
        "palette-16.png",
        "grey-16.png"
      })
  void aFileCutAnywhereIsDamaged(String file) {
    byte[] whole = TestPictures.bytes(file);
    for (int length = 8; length < whole.length; length++) {
      String message = messageOf(Arrays.copyOf(whole, length));
      assertTrue(
          message.startsWith("picture x is a damaged or unsupported "), length + ": " + message);
    }
  }

  @Test
  void aChangedByteOfAPngIsDamage() {
    byte[] whole = TestPictures.bytes("palette-16.png");
    for (int i = 8; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] ^= 0x04;
      String message = messageOf(changed);
      assertTrue(
          message.startsWith("picture x is a damaged or unsupported PNG: "), i + ": " + message);
    }
  }

  @Test
  void tooFewRowsAreDamage() {
    byte[] png =
        TestPictures.png(
            TestPictures.header(2, 2, 8, 0), TestPictures.data(0, 1, 2), TestPictures.end());
    assertTrue(
        messageOf(png).startsWith("picture x is a damaged or unsupported PNG: "), messageOf(png));
  }

  @Test
  void garbledJpegDataIsDamage() {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    Arrays.fill(jpeg, jpeg.length - 500, jpeg.length - 200, (byte) 0xfe);
    assertTrue(
        messageOf(jpeg).startsWith("picture x is a damaged or unsupported JPEG: "),
        messageOf(jpeg));
  }

  @Test
  void paddingBeforeTheEndOfAJpegIsHarmless() {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    byte[] padded = Arrays.copyOf(jpeg, jpeg.length + 3);
    System.arraycopy(jpeg, jpeg.length - 2, padded, padded.length - 2, 2);
    Arrays.fill(padded, jpeg.length - 2, padded.length - 2, (byte) 0);
    assertEquals(Picture.decode(jpeg, "x"), Picture.decode(padded, "x"));
  }

  @Test
  void picturesWithoutPixelsAreRefused() {
    byte[] png =
        TestPictures.png(TestPictures.header(0, 5, 8, 2), TestPictures.data(), TestPictures.end());
    assertEquals("picture x is 0 x 5, which leaves no pixels", messageOf(png));
    byte[] headless = TestPictures.png(TestPictures.end());
    assertEquals(
        "picture x is a damaged or unsupported PNG: it has no header", messageOf(headless));
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    int frame = indexOfFrame(jpeg);
    jpeg[frame + 5] = 0;
    jpeg[frame + 6] = 0;
    assertEquals("picture x is 64 x 0, which leaves no pixels", messageOf(jpeg));
    InputException none = assertThrows(InputException.class, () -> Picture.of(0, 4, new byte[0]));
    assertEquals("the picture is 0 x 4, which leaves no pixels", none.getMessage());
  }

  /** Where the frame header of a baseline JPEG begins; its height follows 5 bytes behind. */
  private static int indexOfFrame(byte[] jpeg) {
    int i = 2;
    while ((jpeg[i + 1] & 0xff) != 0xc0) {
      i += 2 + ((jpeg[i + 2] & 0xff) << 8 | (jpeg[i + 3] & 0xff));
    }
    return i;
  }

  @Test
  void picturesOverTheLimitAreRefusedBeforeDecoding() {
    byte[] png =
        TestPictures.png(
            TestPictures.header(2_000_000_000, 2_000_000_000, 8, 2),
            TestPictures.data(0, 0),
            TestPictures.end());
    assertEquals(
        "picture x is 2000000000 x 2000000000, more than the limit of 100000000 pixels"
            + " (-Dscorecam.image.maxPixels=…)",
        messageOf(png));
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    Arrays.fill(jpeg, indexOfFrame(jpeg) + 5, indexOfFrame(jpeg) + 9, (byte) 0xfd);
    assertTrue(messageOf(jpeg).contains("is 65021 x 65021, more than the limit"), messageOf(jpeg));
  }

  @Test
  void theLimitCanBeSet() {
    System.setProperty(Picture.MAX_PIXELS, "3071");
    try {
      assertTrue(messageOf(TestPictures.bytes("baseline.jpg")).contains("limit of 3071 pixels"));
      System.setProperty(Picture.MAX_PIXELS, "3072");
      assertEquals(64, TestPictures.picture("baseline.jpg").width());
    } finally {
      System.clearProperty(Picture.MAX_PIXELS);
    }
  }

  @Test
  void whatIsNoPictureIsNamedWithTheReason(@TempDir Path folder) throws IOException {
    Path missing = folder.resolve("missing.png");
    assertRefused(missing, "cannot read picture " + missing + ": no such file or folder");
    assertRefused(folder, "picture " + folder + " is a folder");
    Path empty = Files.createFile(folder.resolve("empty.jpg"));
    assertRefused(empty, "picture " + empty + " is empty");
    Path text = Files.writeString(folder.resolve("text.png"), "not a picture at all");
    assertRefused(
        text,
        "picture "
            + text
            + " is a text file, and only PNG, JPEG, GIF, BMP, TIFF and WebP are read");
    Path stub = Files.write(folder.resolve("stub.png"), new byte[] {(byte) 0x89, 'P'});
    assertRefused(
        stub,
        "picture "
            + stub
            + " is of an unknown kind, and only PNG, JPEG, GIF, BMP, TIFF and WebP are read");
    Path cut =
        Files.write(
            folder.resolve("cut.jpg"), Arrays.copyOf(TestPictures.bytes("baseline.jpg"), 900));
    String message = assertThrows(InputException.class, () -> Picture.read(cut)).getMessage();
    assertTrue(
        message.startsWith("picture " + cut + " is a damaged or unsupported JPEG: "), message);
  }

  private static void assertRefused(Path file, String message) {
    assertEquals(
        message, assertThrows(InputException.class, () -> Picture.read(file)).getMessage());
  }

  @Test
  void aFailingStreamIsAnInputError() {
    InputStream failing =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("wire cut");
          }

          @Override
          public int read(byte[] bytes, int from, int length) throws IOException {
            throw new IOException("wire cut");
          }
        };
    InputException e = assertThrows(InputException.class, () -> Picture.read(failing, "camera"));
    assertEquals("cannot read picture camera: wire cut", e.getMessage());
  }

  @Test
  void streamsFilesAndBytesGiveTheSamePicture(@TempDir Path folder) throws IOException {
    byte[] jpeg = TestPictures.bytes("baseline.jpg");
    Picture expected = Picture.decode(jpeg, "x");
    assertEquals(expected, Picture.read(new ByteArrayInputStream(jpeg), "x"));
    // The name does not decide.
    assertEquals(expected, Picture.read(Files.write(folder.resolve("named.png"), jpeg)));
  }

  @Test
  void pixelsGoInAndOut() {
    byte[] rgb = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    Picture picture = Picture.of(2, 2, rgb);
    rgb[0] = 99;
    assertEquals(0x010203, picture.rgb(0, 0));
    assertEquals(0x070809, picture.rgb(0, 1));
    assertArrayEquals(new byte[] {1, 2, 3}, Arrays.copyOf(picture.toBytes(), 3));
    assertEquals(picture, Picture.of(picture.toBufferedImage()));
    assertThrows(IndexOutOfBoundsException.class, () -> picture.rgb(2, 0));
    assertThrows(IllegalArgumentException.class, () -> Picture.of(2, 2, new byte[11]));
  }

  @ParameterizedTest
  @ValueSource(
      ints = {
        BufferedImage.TYPE_INT_RGB,
        BufferedImage.TYPE_INT_ARGB,
        BufferedImage.TYPE_INT_ARGB_PRE,
        BufferedImage.TYPE_INT_BGR,
        BufferedImage.TYPE_4BYTE_ABGR,
        BufferedImage.TYPE_4BYTE_ABGR_PRE,
        BufferedImage.TYPE_USHORT_565_RGB,
        BufferedImage.TYPE_BYTE_INDEXED
      })
  void awtImagesOfAllTypes(int type) {
    BufferedImage image = new BufferedImage(2, 1, type);
    image.setRGB(0, 0, 0xffff0000);
    image.setRGB(1, 0, 0xff00ff00);
    Picture picture = Picture.of(image);
    assertEquals(0xff0000, picture.rgb(0, 0));
    assertEquals(0x00ff00, picture.rgb(1, 0));
  }

  @Test
  void writingAndReadingPngLosesNothing(@TempDir Path folder) {
    Picture noise = TestPictures.picture("noise-37x23.png");
    Path file = folder.resolve("out.PNG");
    noise.write(file);
    assertEquals(noise, Picture.read(file));
  }

  @Test
  void writingJpegStaysClose(@TempDir Path folder) throws IOException {
    Picture smooth = TestPictures.picture("smooth-64x48.png");
    for (String name : new String[] {"out.jpg", "out.jpeg"}) {
      Path file = folder.resolve(name);
      smooth.write(file);
      assertEquals((byte) 0xff, Files.readAllBytes(file)[0]);
      int distance = TestPictures.distance(smooth, Picture.read(file));
      assertTrue(distance <= 12, "off by " + distance);
    }
  }

  @Test
  void whatCannotBeWrittenIsNamedAndLeavesNothing(@TempDir Path folder) throws IOException {
    Picture picture = Picture.of(1, 1, new byte[3]);
    Path gif = folder.resolve("out.gif");
    OutputException ending = assertThrows(OutputException.class, () -> picture.write(gif));
    assertEquals(
        "cannot write " + gif + ": the name must end in .png, .jpg or .jpeg", ending.getMessage());
    Path nowhere = folder.resolve("none").resolve("out.png");
    OutputException missing = assertThrows(OutputException.class, () -> picture.write(nowhere));
    assertEquals(
        "cannot write " + nowhere + ": the folder " + nowhere.getParent() + " does not exist",
        missing.getMessage());
    try (var files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }
}
