package org.scorecam.image;

import org.scorecam.HeapUse;
import org.scorecam.error.InputException;

/**
 * Fuzz target: a picture file of any format. Seeds: {@code src/test/resources/fuzz/Picture}, and
 * the pictures of {@code src/test/resources/image}.
 */
public final class PictureFuzz {
  private static final int MAX_PIXELS = 1 << 16;

  /** Of the Java heap, for any file: some hundred bytes for each pixel. */
  private static final long MAX_ALLOCATION = 64L << 20;

  private PictureFuzz() {}

  /** Sets the limit that everything must keep to. */
  public static void fuzzerInitialize() {
    System.setProperty(Picture.MAX_PIXELS, Integer.toString(MAX_PIXELS));
  }

  /**
   * Tries one input: it is a picture within the limit, the same each time, or refused with the one
   * exception and in one line; and little is allocated for it.
   *
   * @param input the file
   */
  public static void fuzzerTestOneInput(byte[] input) {
    Picture picture = HeapUse.within(MAX_ALLOCATION, input.length, () -> decode(input));
    if (picture != null && (long) picture.width() * picture.height() > MAX_PIXELS) {
      throw new AssertionError(picture + " is over the limit");
    }
    if (picture != null && !picture.equals(decode(input))) {
      throw new AssertionError(picture + " is another one each time");
    }
  }

  private static Picture decode(byte[] input) {
    try {
      return Picture.decode(input, "fuzz");
    } catch (InputException e) {
      if (e.getMessage().lines().count() != 1) {
        throw new AssertionError("not one line", e);
      }
      return null;
    }
  }
}
