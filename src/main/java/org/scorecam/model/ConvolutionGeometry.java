package org.scorecam.model;

import java.util.Arrays;

/** Where a convolution's filter goes: [vertical, horizontal] each, and the groups of channels. */
record ConvolutionGeometry(long[] stride, long[] padding, long[] dilation, long groups) {
  /** Whether the filter visits every place, close together, and sees every channel. */
  boolean isDense() {
    return isAll(stride, 1) && isAll(dilation, 1) && groups == 1;
  }

  /** Whether as much is added on all sides. */
  boolean isEvenlyPadded() {
    return isAll(padding, padding[0]);
  }

  private static boolean isAll(long[] values, long value) {
    return Arrays.stream(values).allMatch(each -> each == value);
  }
}
