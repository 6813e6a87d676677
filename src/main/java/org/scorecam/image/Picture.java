package org.scorecam.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.scorecam.error.InputException;
import org.scorecam.file.FileErrors;

/**
 * A picture of 8-bit sRGB pixels without transparency.
 *
 * <p>Read from PNG, JPEG, GIF, BMP, TIFF and WebP, told apart by their first bytes and not by the
 * name:
 *
 * <ul>
 *   <li><b>Kinds.</b> Grey, palette, colour, 1 to 16 bits (of more than 8 the high ones are kept),
 *       interlaced PNG; grey, colour, CMYK and YCCK, baseline and progressive JPEG; BMP of 1 to 32
 *       bits, run-length encoded or not; TIFF and BigTIFF of strips or tiles, grey, palette,
 *       colour, CMYK and L*a*b*, 1 to 16 bits and unsigned 32, uncompressed, PackBits, LZW,
 *       Deflate, fax or JPEG; lossy and lossless WebP.
 *   <li><b>Several pictures.</b> The first page of a TIFF, and the first frame of an animated GIF
 *       or WebP in its place on the screen.
 *   <li><b>Transparency</b> is laid over white, as a page would show it.
 *   <li><b>Colour profiles</b> of colour JPEG, TIFF and WebP are converted to sRGB; those of PNG,
 *       GIF and BMP and of grey pictures are ignored, and so is a profile that is broken or does
 *       not fit the picture. CMYK without one is converted as ideal inks would mix.
 *   <li><b>Orientation</b> as EXIF or TIFF names it is applied: the pixels come as the picture is
 *       meant to be seen.
 *   <li><b>Damage is an error.</b> A truncated file is never a half-grey picture: what the decoders
 *       only warn of is thrown, and the checksums of PNGs are verified.
 *   <li><b>Size.</b> Pictures of more pixels than {@value #DEFAULT_MAX_PIXELS}, or than {@code
 *       -Dscorecam.image.maxPixels=…} says, are refused before anything is decoded: a small file
 *       can unfold to any size.
 * </ul>
 */
public final class Picture {
  /** System property: the most pixels that a picture may have. */
  public static final String MAX_PIXELS = "scorecam.image.maxPixels";

  /** The most pixels that a picture may have if {@link #MAX_PIXELS} is not set. */
  public static final long DEFAULT_MAX_PIXELS = 100_000_000;

  /** What Java arrays can hold at three bytes a pixel, whatever the property says. */
  private static final long ARRAY_MAX_PIXELS = (Integer.MAX_VALUE - 8) / 3;

  private final int width;
  private final int height;

  /** Interleaved: red, green and blue of the top left pixel, then of the next in its row. */
  private final byte[] rgb;

  /** Takes the array as it is. */
  Picture(int width, int height, byte[] rgb) {
    if (rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          "a picture of %d x %d pixels needs %d bytes, not %d"
              .formatted(width, height, 3L * width * height, rgb.length));
    }
    this.width = width;
    this.height = height;
    this.rgb = rgb;
  }

  /**
   * Reads a file of one of the formats above.
   *
   * @param file the file
   * @return the picture
   * @throws InputException if the file is missing, a folder, empty, unreadable, of another kind,
   *     damaged, without pixels, or over the limit; the message names the file and what it is
   */
  public static Picture read(Path file) {
    Objects.requireNonNull(file, "file");
    if (Files.isDirectory(file)) {
      throw new InputException("picture " + file + " is a folder");
    }
    try (InputStream in = Files.newInputStream(file)) {
      return read(in, file.toString());
    } catch (IOException e) {
      throw unreadable(file.toString(), e);
    }
  }

  /**
   * Reads a picture of one of the formats above from a stream, to the end of the stream.
   *
   * @param in the stream; the caller closes it
   * @param name what messages call the picture
   * @return the picture
   * @throws InputException as {@link #read(Path)}
   */
  public static Picture read(InputStream in, String name) {
    Objects.requireNonNull(in, "in");
    Objects.requireNonNull(name, "name");
    try {
      return PictureDecoder.decode(in, "picture " + name);
    } catch (IOException e) {
      throw unreadable(name, e);
    }
  }

  private static InputException unreadable(String name, IOException e) {
    return new InputException("cannot read picture " + name + ": " + FileErrors.reasonOf(e), e);
  }

  /**
   * Decodes a picture of one of the formats above.
   *
   * @param encoded the content of a file
   * @param name what messages call the picture
   * @return the picture
   * @throws InputException as {@link #read(Path)}
   */
  public static Picture decode(byte[] encoded, String name) {
    Objects.requireNonNull(encoded, "encoded");
    return read(new ByteArrayInputStream(encoded), name);
  }

  /**
   * A picture of given pixels.
   *
   * @param width columns, at least 1
   * @param height rows, at least 1
   * @param rgb red, green, blue of each pixel, row by row from the top left; copied
   * @return the picture
   * @throws InputException if it has no pixels or more than the limit
   * @throws IllegalArgumentException if there are not 3 · width · height bytes
   */
  public static Picture of(int width, int height, byte[] rgb) {
    Objects.requireNonNull(rgb, "rgb");
    checkSize(width, height, "the picture");
    return new Picture(width, height, rgb.clone());
  }

  /**
   * A picture of AWT's pixels, by the rules above for transparency and depth.
   *
   * @param image copied, of any type
   * @return the picture
   * @throws InputException if it has more pixels than the limit
   */
  public static Picture of(BufferedImage image) {
    Objects.requireNonNull(image, "image");
    checkSize(image.getWidth(), image.getHeight(), "the picture");
    return Pixels.of(image, "the picture");
  }

  /**
   * Refuses sizes that no picture may have.
   *
   * @param what begins the message
   */
  static void checkSize(long width, long height, String what) {
    if (width < 1 || height < 1) {
      throw new InputException(what + " is " + width + " x " + height + ", which leaves no pixels");
    }
    long limit = Math.min(Long.getLong(MAX_PIXELS, DEFAULT_MAX_PIXELS), ARRAY_MAX_PIXELS);
    // Divided, since the product of two sizes read from a file may not fit.
    if (width > limit / height) {
      throw new InputException(
          "%s is %d x %d, more than the limit of %d pixels (-D%s=…)"
              .formatted(what, width, height, limit, MAX_PIXELS));
    }
  }

  /**
   * Columns.
   *
   * @return at least 1
   */
  public int width() {
    return width;
  }

  /**
   * Rows.
   *
   * @return at least 1
   */
  public int height() {
    return height;
  }

  /**
   * One pixel.
   *
   * @param x column, from 0 at the left
   * @param y row, from 0 at the top
   * @return red, green and blue as {@code 0xRRGGBB}
   * @throws IndexOutOfBoundsException if there is no such pixel
   */
  public int rgb(int x, int y) {
    int i = 3 * (Objects.checkIndex(y, height) * width + Objects.checkIndex(x, width));
    return (rgb[i] & 0xff) << 16 | (rgb[i + 1] & 0xff) << 8 | (rgb[i + 2] & 0xff);
  }

  /**
   * All pixels.
   *
   * @return a new array of red, green, blue of each pixel, row by row from the top left
   */
  public byte[] toBytes() {
    return rgb.clone();
  }

  /** All pixels, not copied; nobody writes to it. */
  byte[] bytes() {
    return rgb;
  }

  /**
   * The picture as AWT has them.
   *
   * @return a new image of type {@link BufferedImage#TYPE_3BYTE_BGR}
   */
  public BufferedImage toBufferedImage() {
    return Pixels.toBufferedImage(this);
  }

  /**
   * The picture at another size, stretched if the sides' ratio differs.
   *
   * @param newWidth columns, at least 1
   * @param newHeight rows, at least 1
   * @param interpolation the kernel; antialiased where the picture shrinks
   * @return the resized picture, to the bit what PIL's {@code Image.resize} makes
   * @throws InputException if the new picture has no pixels or more than the limit
   */
  public Picture resize(int newWidth, int newHeight, Interpolation interpolation) {
    Objects.requireNonNull(interpolation, "interpolation");
    checkResize(newWidth, newHeight);
    return new Picture(
        newWidth,
        newHeight,
        Resampling.resize(rgb, width, height, 3, newWidth, newHeight, interpolation));
  }

  /** Refuses sizes that cannot be resized to. */
  void checkResize(int newWidth, int newHeight) {
    checkSize(newWidth, newHeight, "the resized picture");
    // What lies between the two passes, too.
    checkSize(newWidth, height, "the picture, once resized in width,");
  }

  /**
   * Finds out before a long computation that {@link #write} would refuse a name.
   *
   * @param file the name; nothing is looked up
   * @throws org.scorecam.error.OutputException if it ends in anything but {@code .png}, {@code
   *     .jpg} or {@code .jpeg}
   */
  public static void requireWritableName(Path file) {
    PictureEncoder.formatOf(file);
  }

  /**
   * Writes the picture as PNG or JPEG (quality 0.95), by the name's ending; whole or not at all.
   *
   * @param file ends in {@code .png}, {@code .jpg} or {@code .jpeg}; replaced if it exists
   * @throws org.scorecam.error.OutputException if the ending is another one or the file cannot be
   *     written; nothing is left behind
   */
  public void write(Path file) {
    PictureEncoder.write(this, Objects.requireNonNull(file, "file"));
  }

  /**
   * The picture as a PNG file, in memory.
   *
   * @return the file's bytes
   */
  public byte[] toPng() {
    return PictureEncoder.png(this);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Picture picture
        && width == picture.width
        && height == picture.height
        && Arrays.equals(rgb, picture.rgb);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * width + height) + Arrays.hashCode(rgb);
  }

  @Override
  public String toString() {
    return "Picture of " + width + " x " + height;
  }
}
