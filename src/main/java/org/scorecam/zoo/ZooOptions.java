package org.scorecam.zoo;

/**
 * What can be chosen of every network.
 *
 * @param classes the length of its output, at least 1
 * @param inputChannels the channels of its input, at least 1
 * @param transformInput whether GoogLeNet and Inception v3 bring inputs of three channels, which
 *     are normalised with ImageNet's means and deviations, into the range from -1 to 1, as their
 *     published weights need it; others have nothing to transform
 * @param inputSide the height and width of ViT's inputs, at least 1, which its position embeddings
 *     are for; others take inputs of any size
 */
public record ZooOptions(long classes, long inputChannels, boolean transformInput, long inputSide) {
  /** ImageNet's 1000 classes, of pictures in colour, 224×224 where there is one size. */
  public static final ZooOptions IMAGENET = new ZooOptions(1000, 3);

  private static final long USUAL_SIDE = 224;

  /**
   * Checks the numbers.
   *
   * @param classes see the record
   * @param inputChannels see the record
   * @param transformInput see the record
   * @param inputSide see the record
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public ZooOptions {
    if (classes < 1 || inputChannels < 1 || inputSide < 1) {
      throw new IllegalArgumentException(
          "a network has at least 1 class and 1 input channel, and inputs of 1×1, not %d, %d and %d×%3$d"
              .formatted(classes, inputChannels, inputSide));
    }
  }

  /**
   * Transforms inputs where there is something to transform; inputs of 224×224 where there is one
   * size.
   *
   * @param classes see the record
   * @param inputChannels see the record
   * @throws IllegalArgumentException if one of them is less than 1
   */
  public ZooOptions(long classes, long inputChannels) {
    this(classes, inputChannels, true, USUAL_SIDE);
  }

  /**
   * The same, for weights that were trained on inputs as they are ({@code transform_input=False}).
   *
   * @return options that leave inputs as they are
   */
  public ZooOptions withoutInputTransform() {
    return new ZooOptions(classes, inputChannels, false, inputSide);
  }

  /**
   * The same, for weights that were trained on inputs of another size ({@code image_size}).
   *
   * @param side the inputs' height and width
   * @return options for that size
   * @throws IllegalArgumentException if it is less than 1
   */
  public ZooOptions withInputSide(long side) {
    return new ZooOptions(classes, inputChannels, transformInput, side);
  }
}
