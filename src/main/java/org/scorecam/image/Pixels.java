package org.scorecam.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorConvertOp;
import java.awt.image.ColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import org.scorecam.error.InputException;

/** Between AWT's images of all kinds and ours of one. */
final class Pixels {
  private static final int WHITE = 255;

  private Pixels() {}

  /** Sets a pixel, by its number row by row, to a colour 0xRRGGBB. */
  static void put(byte[] rgb, int pixel, int colour) {
    rgb[3 * pixel] = (byte) (colour >> 16);
    rgb[3 * pixel + 1] = (byte) (colour >> 8);
    rgb[3 * pixel + 2] = (byte) colour;
  }

  /** The pixels of an image that says itself what its colours are. */
  static Picture of(BufferedImage image, String what) {
    return of(image, ColourProfile.NONE, what);
  }

  /**
   * Decoded pixels.
   *
   * @param profile what the numbers of red, green and blue, or of inks, mean; of no effect on grey
   *     pixels and palettes
   * @param what begins the messages
   */
  static Picture of(BufferedImage image, ColourProfile profile, String what) {
    int width = image.getWidth();
    int height = image.getHeight();
    if (image.getColorModel() instanceof IndexColorModel palette) {
      byte[] rgb = new byte[3 * width * height];
      copyIndexed(image.getRaster(), palette, rgb);
      return new Picture(width, height, rgb);
    }
    boolean inks = image.getColorModel().getColorSpace().getType() == ColorSpace.TYPE_CMYK;
    BufferedImage plain = inks || isGreyOrSrgb(image) ? image : toSrgb(image);
    requireKnownRange(plain.getRaster(), what);
    int colours = plain.getColorModel().getNumColorComponents();
    byte[] rgb = samples(plain, 0, colours, Math.max(3, colours));
    if (inks) {
      rgb = profile.cmykToSrgb(rgb);
    } else if (colours == 3) {
      profile.rgbToSrgb(rgb);
    }
    if (plain.getColorModel().hasAlpha()) {
      layOverWhite(rgb, samples(plain, colours, 1, 1), plain.isAlphaPremultiplied());
    }
    return new Picture(width, height, rgb);
  }

  private static void requireKnownRange(Raster raster, String what) {
    int type = raster.getTransferType();
    if (type == DataBuffer.TYPE_FLOAT || type == DataBuffer.TYPE_DOUBLE) {
      throw new InputException(
          what
              + " has floating-point samples, whose range is unknown; save it with 8 or 16 bits per"
              + " sample, or its values as a NumPy array");
    }
  }

  private static void copyIndexed(Raster raster, IndexColorModel palette, byte[] rgb) {
    int width = raster.getWidth();
    int[] row = new int[width];
    int at = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      raster.getSamples(0, y, width, 1, 0, row);
      for (int index : row) {
        int alpha = palette.getAlpha(index);
        rgb[at++] = overWhite(palette.getRed(index), alpha);
        rgb[at++] = overWhite(palette.getGreen(index), alpha);
        rgb[at++] = overWhite(palette.getBlue(index), alpha);
      }
    }
  }

  /**
   * Takes samples as they are. AWT's own way, {@code getRGB}, holds grey to be linear light and
   * brightens it, which nobody who stored a grey picture meant.
   *
   * @param first band
   * @param bands how many from there on
   * @param times how many bytes each pixel becomes: as many as bands, or 3 of one band
   */
  private static byte[] samples(BufferedImage image, int first, int bands, int times) {
    Raster raster = image.getRaster();
    int width = raster.getWidth();
    int stored = raster.getNumBands();
    int shift = Math.max(0, image.getColorModel().getComponentSize(first) - 8);
    boolean bytes = raster.getTransferType() == DataBuffer.TYPE_BYTE;
    int step = bands == 1 ? 0 : 1;
    byte[] out = new byte[times * width * raster.getHeight()];
    byte[] byteRow = null;
    int[] row = new int[width * stored];
    int at = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      if (bytes) {
        byteRow = (byte[]) raster.getDataElements(0, y, width, 1, byteRow);
      } else {
        raster.getPixels(0, y, width, 1, row);
      }
      for (int i = first; i < row.length; i += stored) {
        for (int band = 0; band < times; band++) {
          int from = i + band * step;
          out[at++] = bytes ? byteRow[from] : (byte) (row[from] >>> shift);
        }
      }
    }
    return out;
  }

  private static void layOverWhite(byte[] rgb, byte[] alphas, boolean premultiplied) {
    for (int i = 0; i < rgb.length; i++) {
      int alpha = alphas[i / 3] & 0xff;
      int sample = rgb[i] & 0xff;
      rgb[i] =
          premultiplied ? (byte) Math.min(255, sample + WHITE - alpha) : overWhite(sample, alpha);
    }
  }

  /** A sample of a colour that is not opaque, before white. */
  static byte overWhite(int sample, int alpha) {
    return (byte) (alpha == 255 ? sample : (sample * alpha + WHITE * (255 - alpha) + 127) / 255);
  }

  private static boolean isGreyOrSrgb(BufferedImage image) {
    ColorSpace space = image.getColorModel().getColorSpace();
    return space.getType() == ColorSpace.TYPE_GRAY
        || (space.isCS_sRGB() && componentsFillBytes(image.getColorModel()));
  }

  /** False for packed kinds such as 5-6-5. */
  private static boolean componentsFillBytes(ColorModel model) {
    for (int size : model.getComponentSize()) {
      if (size < 8) {
        return false;
      }
    }
    return true;
  }

  private static BufferedImage toSrgb(BufferedImage image) {
    boolean alpha = image.getColorModel().hasAlpha();
    int type = alpha ? BufferedImage.TYPE_4BYTE_ABGR : BufferedImage.TYPE_3BYTE_BGR;
    BufferedImage srgb = new BufferedImage(image.getWidth(), image.getHeight(), type);
    return new ColorConvertOp(null).filter(image, srgb);
  }

  static BufferedImage toBufferedImage(Picture picture) {
    BufferedImage image =
        new BufferedImage(picture.width(), picture.height(), BufferedImage.TYPE_3BYTE_BGR);
    byte[] bgr = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    byte[] rgb = picture.bytes();
    for (int i = 0; i < rgb.length; i += 3) {
      bgr[i] = rgb[i + 2];
      bgr[i + 1] = rgb[i + 1];
      bgr[i + 2] = rgb[i];
    }
    return image;
  }
}
