package org.scorecam.image;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.util.Optional;
import javax.imageio.ImageReader;
import org.scorecam.error.InputException;

/** Reads pictures of all formats, and takes no damaged file for a picture. */
final class PictureDecoder {
  private static final int MAX_BYTES = Integer.MAX_VALUE - 8;

  private PictureDecoder() {}

  static Picture decode(InputStream in, String what) throws IOException {
    // The first bytes alone, so that what is not a picture need not fit into memory.
    byte[] start = in.readNBytes(FirstBytes.COUNT);
    if (start.length == 0) {
      throw new InputException(what + " is empty");
    }
    Optional<PictureFormat> format = PictureFormat.of(start);
    if (format.isEmpty()) {
      String[] kindAndAdvice = FirstBytes.describe(start).split("(?=; )", 2);
      throw new InputException(
          "%s is %s, and only %s are read%s"
              .formatted(
                  what,
                  kindAndAdvice[0],
                  PictureFormat.ALL,
                  kindAndAdvice.length == 1 ? "" : kindAndAdvice[1]));
    }
    byte[] data =
        new SequenceInputStream(new ByteArrayInputStream(start), in).readNBytes(MAX_BYTES);
    if (data.length == MAX_BYTES) {
      throw new InputException(what + " is a file of 2 GiB or more, which is too large to decode");
    }
    return decode(format.get(), data, what);
  }

  private static Picture decode(PictureFormat format, byte[] data, String what) {
    ImageReader reader = null;
    try {
      PictureFile file = format.open(data, what);
      reader = format.reader();
      Damage damage = new Damage();
      reader.addIIOReadWarningListener(damage);
      reader.setInput(file.input(), true, true);
      Picture.checkSize(reader.getWidth(0), reader.getHeight(0), what);
      Picture stored = Pixels.of(file.read(reader), file.profile(), what);
      damage.check();
      return file.orientation().apply(stored);
    } catch (InputException ours) {
      throw ours;
    } catch (IOException | RuntimeException e) {
      // Decoders meet broken files with any RuntimeException, down to ArrayIndexOutOfBounds.
      throw new InputException(
          "%s is a damaged or unsupported %s: %s".formatted(what, format, reasonOf(e)), e);
    } finally {
      if (reader != null) {
        reader.dispose();
      }
    }
  }

  private static String reasonOf(Exception e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof EOFException) {
        return "it ends too early";
      }
    }
    String words = e.getMessage();
    if (words == null || words.isBlank() || e instanceof IndexOutOfBoundsException) {
      return "it cannot be decoded (" + e.getClass().getSimpleName() + ")";
    }
    return words.lines().findFirst().orElseThrow();
  }
}
