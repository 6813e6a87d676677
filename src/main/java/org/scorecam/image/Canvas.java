package org.scorecam.image;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;

/**
 * The area that an animation plays on, and the place of its first frame there. Around the frame it
 * is transparent.
 *
 * @param width columns of the area
 * @param height rows of the area
 * @param x left edge of the frame
 * @param y top edge of the frame
 */
record Canvas(int width, int height, int x, int y) {
  /**
   * An area of that size, or of a larger one if the frame reaches beyond it.
   *
   * @throws org.scorecam.error.InputException if that is too large, or nothing
   */
  static Canvas of(
      long width, long height, int x, int y, int frameWidth, int frameHeight, String what) {
    Picture.checkSize(frameWidth, frameHeight, what);
    long wide = Math.max(width, (long) x + frameWidth);
    long high = Math.max(height, (long) y + frameHeight);
    Picture.checkSize(wide, high, what);
    return new Canvas((int) wide, (int) high, x, y);
  }

  /** The frame in its place. */
  BufferedImage place(BufferedImage frame) {
    if (frame.getWidth() == width && frame.getHeight() == height) {
      return frame;
    }
    BufferedImage area = new BufferedImage(width, height, BufferedImage.TYPE_4BYTE_ABGR);
    Graphics2D graphics = area.createGraphics();
    graphics.drawImage(frame, x, y, null);
    graphics.dispose();
    return area;
  }
}
