package org.scorecam.image;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Locale;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.scorecam.error.OutputException;
import org.scorecam.file.AtomicFile;

/** Writes pictures as PNG or JPEG. */
final class PictureEncoder {
  private static final float JPEG_QUALITY = 0.95f;

  private PictureEncoder() {}

  static void write(Picture picture, Path file) {
    String format = formatOf(file);
    BufferedImage image = picture.toBufferedImage();
    AtomicFile.write(file, out -> encode(image, format, out));
  }

  static byte[] png(Picture picture) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try {
      encode(picture.toBufferedImage(), "png", bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "a picture of size %dx%d cannot be a PNG".formatted(picture.width(), picture.height()),
          e);
    }
    return bytes.toByteArray();
  }

  /** By the name's ending, which is refused if it is another one. */
  static String formatOf(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".png")) {
      return "png";
    }
    if (name.endsWith(".jpg") || name.endsWith(".jpeg")) {
      return "jpeg";
    }
    throw new OutputException(
        "cannot write " + file + ": the name must end in .png, .jpg or .jpeg");
  }

  private static void encode(BufferedImage image, String format, OutputStream out)
      throws IOException {
    ImageWriter writer = ImageIO.getImageWritersByFormatName(format).next();
    try (ImageOutputStream sink = new MemoryCacheImageOutputStream(out)) {
      ImageWriteParam settings = writer.getDefaultWriteParam();
      if (format.equals("jpeg")) {
        settings.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        settings.setCompressionQuality(JPEG_QUALITY);
      }
      writer.setOutput(sink);
      writer.write(null, new IIOImage(image, null, null), settings);
    } finally {
      writer.dispose();
    }
  }
}
