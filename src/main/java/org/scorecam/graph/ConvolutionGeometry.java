package org.scorecam.graph;

import java.util.List;

/**
 * Where the filter of a convolution in two dimensions goes.
 *
 * @param stride [vertical, horizontal]
 * @param padding [vertical, horizontal], on either side, of zeros
 * @param dilation [vertical, horizontal]
 * @param groups of channels that do not see each other
 */
public record ConvolutionGeometry(
    List<Long> stride, List<Long> padding, List<Long> dilation, long groups) {
  /** Whether the filter visits every place, close together, and sees every channel. */
  boolean isDense() {
    return isAll(stride, 1) && isAll(dilation, 1) && groups == 1;
  }

  /** Whether as much is added on all sides. */
  boolean isEvenlyPadded() {
    return isPaddedBy(padding.get(0));
  }

  /** Whether so much is added on each side. */
  boolean isPaddedBy(long margin) {
    return isAll(padding, margin);
  }

  /** Whether each channel is filtered by itself, close together, at every place or every other. */
  boolean isDepthwise(long channels) {
    return groups == channels && isAll(dilation, 1) && (isAll(stride, 1) || isAll(stride, 2));
  }

  private static boolean isAll(List<Long> values, long value) {
    return values.stream().allMatch(each -> each == value);
  }
}
