package org.scorecam.image;

import com.twelvemonkeys.imageio.metadata.jpeg.JPEG;
import com.twelvemonkeys.imageio.metadata.jpeg.JPEGSegment;
import com.twelvemonkeys.imageio.metadata.jpeg.JPEGSegmentUtil;
import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import org.scorecam.error.InputException;

/** Reads PNG and JPEG, and takes no damaged file for a picture. */
final class PictureDecoder {
  private static final byte[] PNG_START = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final byte[] JPEG_START = {(byte) 0xff, (byte) 0xd8, (byte) 0xff};

  private PictureDecoder() {}

  static Picture decode(InputStream in, String name) throws IOException {
    // The first bytes alone, so that what is no picture need not fit into memory.
    byte[] start = in.readNBytes(PNG_START.length);
    if (start.length == 0) {
      throw new InputException("picture " + name + ": is empty");
    }
    if (startsWith(start, PNG_START)) {
      return decodePng(wholeOf(start, in), name);
    }
    if (startsWith(start, JPEG_START)) {
      return decodeJpeg(wholeOf(start, in), name);
    }
    throw new InputException("picture " + name + ": is neither PNG nor JPEG");
  }

  private static boolean startsWith(byte[] bytes, byte[] prefix) {
    return bytes.length >= prefix.length
        && Arrays.equals(bytes, 0, prefix.length, prefix, 0, prefix.length);
  }

  private static byte[] wholeOf(byte[] start, InputStream rest) throws IOException {
    return new SequenceInputStream(new ByteArrayInputStream(start), rest).readAllBytes();
  }

  private static Picture decodePng(byte[] data, String name) {
    PngFile file;
    try {
      file = PngFile.check(data);
    } catch (IOException e) {
      throw damaged(name, "PNG", e);
    }
    Picture.checkSize(file.width(), file.height(), "picture " + name);
    return decode(
        ImageIO.getImageReadersByFormatName("png").next(), data, name, "PNG", file.orientation());
  }

  private static Picture decodeJpeg(byte[] data, String name) {
    try {
      return decode(
          JpegReaders.SPI.createReaderInstance(null), data, name, "JPEG", orientationOf(data));
    } catch (IOException e) {
      throw damaged(name, "JPEG", e);
    }
  }

  private static Picture decode(
      ImageReader reader, byte[] data, String name, String format, Orientation orientation) {
    try {
      Damage damage = new Damage();
      reader.addIIOReadWarningListener(damage);
      reader.setInput(new ByteArrayImageInputStream(data), true, true);
      Picture.checkSize(reader.getWidth(0), reader.getHeight(0), "picture " + name);
      BufferedImage image = reader.read(0);
      damage.check();
      return orientation.apply(Pixels.of(image));
    } catch (InputException ours) {
      throw ours;
    } catch (IOException | RuntimeException e) {
      // Decoders meet broken files with any RuntimeException, down to ArrayIndexOutOfBounds.
      throw damaged(name, format, e);
    } finally {
      reader.dispose();
    }
  }

  private static InputException damaged(String name, String format, Exception cause) {
    String words = cause.getMessage();
    if (cause instanceof EOFException) {
      words = "it ends too early";
    } else if (words == null || words.isBlank()) {
      words = cause.getClass().getSimpleName();
    }
    return new InputException(
        "picture %s: is a damaged or unsupported %s: %s"
            .formatted(name, format, words.lines().findFirst().orElseThrow()),
        cause);
  }

  private static Orientation orientationOf(byte[] jpeg) {
    try {
      List<JPEGSegment> exif =
          JPEGSegmentUtil.readSegments(new ByteArrayImageInputStream(jpeg), JPEG.APP1, "Exif");
      if (exif.isEmpty()) {
        return Orientation.UPRIGHT;
      }
      try (InputStream tiff = exif.get(0).data()) {
        tiff.skipNBytes(1); // The name ends in two zeros, and only one was taken for its end.
        return Orientation.ofTiff(tiff.readAllBytes());
      }
    } catch (IOException e) {
      // Whether the picture itself can be read is for its decoder to say.
      return Orientation.UPRIGHT;
    }
  }

  /** TwelveMonkeys' reader, found without the class path scan that some class loaders defeat. */
  private static final class JpegReaders {
    static final ImageReaderSpi SPI = find();

    private static ImageReaderSpi find() {
      IIORegistry registry = IIORegistry.getDefaultInstance();
      ImageReaderSpi spi = registry.getServiceProviderByClass(JPEGImageReaderSpi.class);
      if (spi == null) {
        spi = new JPEGImageReaderSpi();
        registry.registerServiceProvider(spi, ImageReaderSpi.class);
      }
      return spi;
    }
  }
}
