package org.scorecam.zoo;

/**
 * What can be chosen of every network.
 *
 * @param classes the length of its output, at least 1
 * @param inputChannels the channels of its input, at least 1
 */
public record ZooOptions(long classes, long inputChannels) {
  /** ImageNet's 1000 classes, of pictures in colour. */
  public static final ZooOptions IMAGENET = new ZooOptions(1000, 3);

  /**
   * Checks the numbers.
   *
   * @param classes see the record
   * @param inputChannels see the record
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public ZooOptions {
    if (classes < 1 || inputChannels < 1) {
      throw new IllegalArgumentException(
          "a network has at least 1 class and 1 input channel, not %d and %d"
              .formatted(classes, inputChannels));
    }
  }
}
