package org.scorecam.image;

import java.awt.Point;
import java.awt.color.ColorSpace;
import java.awt.color.ICC_Profile;
import java.awt.image.ColorConvertOp;
import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The ICC profile that a file carries: followed where it fits the picture, and ignored where it is
 * broken or of another kind of colours. A profile never makes a picture unreadable.
 *
 * <p>Kept from the decoders. They give it to the JVM's colour management, which changes profiles as
 * it reads them, and keep the changed one for the next file with the same: some cannot be read a
 * second time then. Here every picture gets a profile fresh from its bytes.
 */
final class ColourProfile {
  static final ColourProfile NONE = new ColourProfile(new byte[0]);

  private static final int HEADER_LENGTH = 128;

  /** Steps of each channel in the colours that a profile is tried on. */
  private static final int STEPS = 9;

  /** A profile that changes no colour by more than this is sRGB, written by another program. */
  private static final int ROUNDING = 1;

  private final byte[] data;

  private ColourProfile(byte[] data) {
    this.data = data;
  }

  /** A profile of these bytes, of which those behind the length that it names are cut off. */
  static ColourProfile of(byte[] data) {
    if (data.length < HEADER_LENGTH) {
      return NONE;
    }
    int length = ByteBuffer.wrap(data).getInt();
    return new ColourProfile(
        length >= HEADER_LENGTH && length < data.length ? Arrays.copyOf(data, length) : data);
  }

  /**
   * Converts red, green and blue to sRGB, in place, if this is a profile of such colours that can
   * be followed; leaves them as they are if not.
   *
   * @param rgb interleaved, at least one pixel
   */
  void rgbToSrgb(byte[] rgb) {
    if (data.length == 0) {
      return;
    }
    try {
      ColorConvertOp conversion = conversionFrom(ColorSpace.TYPE_RGB);
      byte[] samples = sampleColours();
      byte[] converted = convert(conversion, samples, 3);
      if (!isClose(samples, converted)) {
        System.arraycopy(convert(conversion, rgb, 3), 0, rgb, 0, rgb.length);
      }
    } catch (RuntimeException unusable) {
      // CMMException and IllegalArgumentException, for the most part: then there is no profile.
    }
  }

  /**
   * Converts cyan, magenta, yellow and black to sRGB: by this profile, if it is one of such colours
   * that can be followed; if not, as ideal inks would mix.
   *
   * @param cmyk interleaved; 0 is no ink, 255 is solid ink
   * @return red, green and blue, interleaved
   */
  byte[] cmykToSrgb(byte[] cmyk) {
    if (data.length > 0) {
      try {
        return convert(conversionFrom(ColorSpace.TYPE_CMYK), cmyk, 4);
      } catch (RuntimeException unusable) {
        // As above.
      }
    }
    byte[] rgb = new byte[cmyk.length / 4 * 3];
    for (int from = 0, to = 0; from < cmyk.length; from += 4) {
      int white = 255 - (cmyk[from + 3] & 0xff);
      for (int ink = 0; ink < 3; ink++) {
        rgb[to++] = (byte) (((255 - (cmyk[from + ink] & 0xff)) * white + 127) / 255);
      }
    }
    return rgb;
  }

  private ColorConvertOp conversionFrom(int kindOfColours) {
    ICC_Profile profile = ICC_Profile.getInstance(data);
    if (profile.getColorSpaceType() != kindOfColours) {
      throw new IllegalArgumentException("a profile of other colours");
    }
    return new ColorConvertOp(
        new ICC_Profile[] {profile, ICC_Profile.getInstance(ColorSpace.CS_sRGB)}, null);
  }

  /** All combinations of some values of each channel. */
  private static byte[] sampleColours() {
    byte[] colours = new byte[STEPS * STEPS * STEPS * 3];
    for (int i = 0; i < colours.length / 3; i++) {
      colours[3 * i] = (byte) (i / STEPS / STEPS * 255 / (STEPS - 1));
      colours[3 * i + 1] = (byte) (i / STEPS % STEPS * 255 / (STEPS - 1));
      colours[3 * i + 2] = (byte) (i % STEPS * 255 / (STEPS - 1));
    }
    return colours;
  }

  private static boolean isClose(byte[] a, byte[] b) {
    for (int i = 0; i < a.length; i++) {
      if (Math.abs((a[i] & 0xff) - (b[i] & 0xff)) > ROUNDING) {
        return false;
      }
    }
    return true;
  }

  private static byte[] convert(ColorConvertOp conversion, byte[] samples, int bands) {
    int pixels = samples.length / bands;
    byte[] rgb = new byte[3 * pixels];
    conversion.filter(raster(samples, bands, pixels), raster(rgb, 3, pixels));
    return rgb;
  }

  private static WritableRaster raster(byte[] samples, int bands, int pixels) {
    int[] offsets = new int[bands];
    Arrays.setAll(offsets, band -> band);
    return Raster.createInterleavedRaster(
        new DataBufferByte(samples, samples.length),
        pixels,
        1,
        bands * pixels,
        bands,
        offsets,
        new Point());
  }
}
