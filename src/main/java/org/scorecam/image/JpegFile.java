package org.scorecam.image;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.WritableRaster;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;

/**
 * What JPEG files say beside the pixels, and inks.
 *
 * <p>A JPEG file is a sequence of segments, each a marker and, for most, a length and data (ITU-T
 * T.81, annex B). What is wrong with them is left to the decoder to say.
 *
 * @param input the file without its colour profile
 * @param orientation how the pixels are to be turned
 * @param profile from all its APP2 segments
 * @param frame what the first frame header says; null if there is none
 * @param adobeTransform what Adobe's segment says of the colours; -1 if there is none
 */
record JpegFile(
    ImageInputStream input,
    Orientation orientation,
    ColourProfile profile,
    Frame frame,
    int adobeTransform)
    implements PictureFile {
  private static final int APP1 = 0xe1;
  private static final int APP2 = 0xe2;
  private static final int APP14 = 0xee;
  private static final int START_OF_SCAN = 0xda;
  private static final int END = 0xd9;

  private static final String EXIF = "Exif\0\0";
  private static final String PROFILE = "ICC_PROFILE\0";

  /** Behind the name: the number of this part, and of how many. */
  private static final int PROFILE_PART_HEADER = 2;

  private static final int ADOBE_YCCK = 2;
  private static final int INKS = 4;

  /** Columns, rows and components. */
  record Frame(int width, int height, int components) {}

  static JpegFile open(byte[] data) {
    return open(data, 0, data.length);
  }

  /** Takes the part of a file apart that is a JPEG. */
  static JpegFile open(byte[] data, int begin, int end) {
    Orientation orientation = Orientation.UPRIGHT;
    boolean sawExif = false;
    Frame frame = null;
    int adobeTransform = -1;
    ByteArrayOutputStream profile = new ByteArrayOutputStream();
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    int kept = begin;
    int at = begin + 2;
    while (at + 4 <= end && (data[at] & 0xff) == 0xff) {
      int marker = data[at + 1] & 0xff;
      if (marker == 0xff) {
        at++; // Padding.
        continue;
      }
      int length = uint16(data, at + 2);
      int next = at + 2 + length;
      if (marker == START_OF_SCAN || marker == END || length < 2 || next > end) {
        break;
      }
      int content = at + 4;
      if (marker == APP1 && !sawExif && FirstBytes.match(data, content, EXIF)) {
        sawExif = true;
        orientation = Orientation.ofTiff(copy(data, content + EXIF.length(), next));
      } else if (marker == APP2 && FirstBytes.match(data, content, PROFILE)) {
        int part = content + PROFILE.length() + PROFILE_PART_HEADER;
        profile.write(data, Math.min(part, next), Math.max(0, next - part));
        rest.write(data, kept, at - kept);
        kept = next;
      } else if (marker == APP14 && FirstBytes.match(data, content, "Adobe") && length >= 14) {
        adobeTransform = data[content + 11] & 0xff;
      } else if (isFrame(marker) && length >= 8 && frame == null) {
        frame =
            new Frame(
                uint16(data, content + 3), uint16(data, content + 1), data[content + 5] & 0xff);
      }
      at = next;
    }
    byte[] encoded = data;
    if (kept > begin) {
      rest.write(data, kept, end - kept);
      encoded = rest.toByteArray();
    }
    return new JpegFile(
        new ByteArrayImageInputStream(encoded),
        orientation,
        ColourProfile.of(profile.toByteArray()),
        frame,
        adobeTransform);
  }

  /** SOF0 to SOF15 without those of the same range that are tables: DHT, JPG and DAC. */
  private static boolean isFrame(int marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
  }

  private static int uint16(byte[] data, int at) {
    return (data[at] & 0xff) << 8 | (data[at + 1] & 0xff);
  }

  private static byte[] copy(byte[] data, int from, int to) {
    return Arrays.copyOfRange(data, Math.min(from, to), to);
  }

  @Override
  public BufferedImage read(ImageReader reader) throws IOException {
    if (frame == null || frame.components() != INKS) {
      return reader.read(0);
    }
    ColorSpace colours = reader.getRawImageType(0).getColorModel().getColorSpace();
    return colours.getType() == ColorSpace.TYPE_CMYK ? readInks(reader, colours) : reader.read(0);
  }

  /**
   * Inks are stored inverted, as Adobe's programs began to do; cyan, magenta and yellow may be
   * stored as luminance and chrominance.
   */
  private BufferedImage readInks(ImageReader reader, ColorSpace inks) throws IOException {
    WritableRaster raster = (WritableRaster) reader.readRaster(0, null);
    byte[] samples = ((DataBufferByte) raster.getDataBuffer()).getData();
    if (adobeTransform == ADOBE_YCCK) {
      toInks(samples);
    }
    for (int i = 0; i < samples.length; i++) {
      samples[i] = (byte) ~samples[i];
    }
    ColorModel model =
        new ComponentColorModel(inks, false, false, ColorModel.OPAQUE, DataBuffer.TYPE_BYTE);
    return new BufferedImage(model, raster, false, null);
  }

  /** Of what ITU-T T.871 makes red, green and blue of, cyan, magenta and yellow are the inverse. */
  private static void toInks(byte[] samples) {
    for (int i = 0; i < samples.length; i += INKS) {
      double y = samples[i] & 0xff;
      double cb = (samples[i + 1] & 0xff) - 128;
      double cr = (samples[i + 2] & 0xff) - 128;
      samples[i] = inverse(y + 1.402 * cr);
      samples[i + 1] = inverse(y - 0.344136 * cb - 0.714136 * cr);
      samples[i + 2] = inverse(y + 1.772 * cb);
    }
  }

  private static byte inverse(double value) {
    return (byte) ~Math.max(0, Math.min(255, Math.round(value)));
  }
}
