package org.scorecam.image;

import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorConvertOp;
import java.awt.image.ColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;

/** Between AWT's images of all kinds and ours of one. */
final class Pixels {
  private static final int WHITE = 255;

  private Pixels() {}

  static Picture of(BufferedImage image) {
    byte[] rgb = new byte[3 * image.getWidth() * image.getHeight()];
    if (image.getColorModel() instanceof IndexColorModel palette) {
      copyIndexed(image.getRaster(), palette, rgb);
    } else {
      copyDirect(isGreyOrSrgb(image) ? image : toSrgb(image), rgb);
    }
    return new Picture(image.getWidth(), image.getHeight(), rgb);
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
   */
  private static void copyDirect(BufferedImage image, byte[] rgb) {
    Raster raster = image.getRaster();
    ColorModel model = image.getColorModel();
    int width = raster.getWidth();
    int bands = raster.getNumBands();
    boolean alpha = model.hasAlpha();
    // Bands to step from red to green to blue: none if there is grey alone.
    int step = bands - (alpha ? 1 : 0) == 1 ? 0 : 1;
    int[] shifts = new int[bands];
    for (int band = 0; band < bands; band++) {
      shifts[band] = Math.max(0, model.getComponentSize(band) - 8);
    }
    byte[] bytes = null;
    int[] row = new int[width * bands];
    int at = 0;
    for (int y = 0; y < raster.getHeight(); y++) {
      if (raster.getTransferType() == DataBuffer.TYPE_BYTE) {
        bytes = (byte[]) raster.getDataElements(0, y, width, 1, bytes);
        for (int i = 0; i < row.length; i++) {
          row[i] = bytes[i] & 0xff;
        }
      } else {
        raster.getPixels(0, y, width, 1, row);
        for (int i = 0; i < row.length; i++) {
          row[i] >>= shifts[i % bands];
        }
      }
      for (int i = 0; i < row.length; i += bands) {
        int opacity = alpha ? row[i + bands - 1] : 255;
        rgb[at++] = overWhite(row[i], opacity);
        rgb[at++] = overWhite(row[i + step], opacity);
        rgb[at++] = overWhite(row[i + 2 * step], opacity);
      }
    }
  }

  private static byte overWhite(int sample, int alpha) {
    return (byte) (alpha == 255 ? sample : (sample * alpha + WHITE * (255 - alpha) + 127) / 255);
  }

  private static boolean isGreyOrSrgb(BufferedImage image) {
    ColorSpace space = image.getColorModel().getColorSpace();
    return !image.isAlphaPremultiplied()
        && (space.getType() == ColorSpace.TYPE_GRAY
            || (space.isCS_sRGB() && componentsFillBytes(image.getColorModel())));
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
