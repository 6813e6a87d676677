package org.scorecam.zoo;

/**
 * What can be chosen of every network.
 *
 * @param classes the length of its output, at least 1
 * @param inputChannels the channels of its input, at least 1
 * @param transformInput whether GoogLeNet and Inception v3 bring inputs of three channels, which
 *     are normalised with ImageNet's means and deviations, into the range from -1 to 1, as their
 *     published weights need it; others have nothing to transform
 */
public record ZooOptions(long classes, long inputChannels, boolean transformInput) {
  /** ImageNet's 1000 classes, of pictures in colour. */
  public static final ZooOptions IMAGENET = new ZooOptions(1000, 3);

  /**
   * Checks the numbers.
   *
   * @param classes see the record
   * @param inputChannels see the record
   * @param transformInput see the record
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public ZooOptions {
    if (classes < 1 || inputChannels < 1) {
      throw new IllegalArgumentException(
          "a network has at least 1 class and 1 input channel, not %d and %d"
              .formatted(classes, inputChannels));
    }
  }

  /**
   * Transforms inputs where there is something to transform.
   *
   * @param classes see the record
   * @param inputChannels see the record
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public ZooOptions(long classes, long inputChannels) {
    this(classes, inputChannels, true);
  }

  /**
   * The same, for weights that were trained on inputs as they are ({@code transform_input=False}).
   *
   * @return options that leave inputs as they are
   */
  public ZooOptions withoutInputTransform() {
    return new ZooOptions(classes, inputChannels, false);
  }
}
