package org.scorecam.model;

import java.util.List;

/** Where a convolution's filter goes: [vertical, horizontal] each, and the groups of channels. */
record ConvolutionGeometry(
    List<Long> stride, List<Long> padding, List<Long> dilation, long groups) {
  /** Whether the filter visits every place, close together, and sees every channel. */
  boolean isDense() {
    return isAll(stride, 1) && isAll(dilation, 1) && groups == 1;
  }

  /** Whether as much is added on all sides. */
  boolean isEvenlyPadded() {
    return isAll(padding, padding.get(0));
  }

  private static boolean isAll(List<Long> values, long value) {
    return values.stream().allMatch(each -> each == value);
  }
}
