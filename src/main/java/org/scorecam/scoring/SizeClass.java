package org.scorecam.scoring;

import org.scorecam.model.InputShape;

/**
 * Inputs of as many channels and of about as many pixels, up to a factor of two, for which a
 * network is not measured one by one.
 */
record SizeClass(long channels, int pixelsLog2) {
  static SizeClass of(InputShape shape) {
    return new SizeClass(shape.channels(), Long.SIZE - Long.numberOfLeadingZeros(shape.pixels()));
  }
}
