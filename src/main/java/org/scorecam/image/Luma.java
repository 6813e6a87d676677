package org.scorecam.image;

/** Grey by ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, in PIL's 16-bit fixed point. */
final class Luma {
  private static final int RED = 19595;
  private static final int GREEN = 38470;
  private static final int BLUE = 7471;
  private static final int HALF = 1 << 15;

  private Luma() {}

  /** One byte for each pixel. */
  static byte[] of(Picture picture) {
    byte[] rgb = picture.bytes();
    byte[] grey = new byte[rgb.length / 3];
    for (int i = 0; i < grey.length; i++) {
      int sum =
          RED * (rgb[3 * i] & 0xff)
              + GREEN * (rgb[3 * i + 1] & 0xff)
              + BLUE * (rgb[3 * i + 2] & 0xff);
      grey[i] = (byte) ((sum + HALF) >> 16);
    }
    return grey;
  }
}
