package org.scorecam.image;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.NativeScope;

/**
 * What is done to a picture before a network sees it: resize, centre crop, normalise.
 *
 * <p>The results are those of torchvision's transforms on PIL pictures: bytes after resizing, then
 * (v / 255 − mean) / std per channel in float32.
 *
 * <pre>{@code
 * Preprocessing custom =
 *     Preprocessing.none().stretch(320, 240, Interpolation.BILINEAR).normalise(mean, std);
 * }</pre>
 *
 * <p>Immutable: each method gives a new preprocessing.
 */
public final class Preprocessing {
  private static final float[] IMAGENET_MEAN = {0.485f, 0.456f, 0.406f};
  private static final float[] IMAGENET_STD = {0.229f, 0.224f, 0.225f};

  private final Resize resize;

  /** Null for no crop. */
  private final Size crop;

  /** One value for each channel, of which there are 1 or 3. */
  private final float[] mean;

  private final float[] std;

  private Preprocessing(Resize resize, Size crop, float[] mean, float[] std) {
    this.resize = resize;
    this.crop = crop;
    this.mean = mean;
    this.std = std;
  }

  /** Columns and rows. */
  private record Size(int width, int height) {
    static Size of(int width, int height, String what) {
      if (width < 1 || height < 1) {
        throw new IllegalArgumentException(
            what + " must be at least 1 x 1, not " + width + " x " + height);
      }
      return new Size(width, height);
    }

    @Override
    public String toString() {
      return width + " x " + height;
    }
  }

  /** The size that a picture is brought to. */
  private interface Resize {
    Size of(Picture picture);

    Interpolation interpolation();
  }

  private record KeepSize() implements Resize {
    @Override
    public Size of(Picture picture) {
      return new Size(picture.width(), picture.height());
    }

    @Override
    public Interpolation interpolation() {
      return Interpolation.BILINEAR;
    }
  }

  private record Stretch(Size size, Interpolation interpolation) implements Resize {
    @Override
    public Size of(Picture picture) {
      return size;
    }
  }

  private record ShorterSide(int length, Interpolation interpolation) implements Resize {
    @Override
    public Size of(Picture picture) {
      int width = picture.width();
      int height = picture.height();
      // The longer side is rounded down, as torchvision does.
      long longer = (long) length * Math.max(width, height) / Math.min(width, height);
      Picture.checkSize(length, longer, "the resized picture");
      return width <= height ? new Size(length, (int) longer) : new Size((int) longer, length);
    }
  }

  /**
   * The preset of torchvision's classification networks: shorter side to 256, bilinear; the 224 ×
   * 224 in the middle; mean (0.485, 0.456, 0.406) and std (0.229, 0.224, 0.225).
   *
   * @return the preprocessing
   */
  public static Preprocessing imagenet() {
    return none()
        .shorterSide(256, Interpolation.BILINEAR)
        .centreCrop(224, 224)
        .normalise(IMAGENET_MEAN, IMAGENET_STD);
  }

  /**
   * Red, green and blue in [0, 1], and the size as it is.
   *
   * @return the preprocessing
   */
  public static Preprocessing none() {
    return new Preprocessing(new KeepSize(), null, new float[3], new float[] {1, 1, 1});
  }

  /**
   * Resizes to a shorter side of the given length, keeping the ratio of the sides.
   *
   * @param length at least 1
   * @param interpolation the kernel
   * @return a preprocessing that resizes so, and crops and normalises as this one
   * @throws IllegalArgumentException if the length is less than 1
   */
  public Preprocessing shorterSide(int length, Interpolation interpolation) {
    Size.of(length, length, "the resized picture");
    Objects.requireNonNull(interpolation, "interpolation");
    return new Preprocessing(new ShorterSide(length, interpolation), crop, mean, std);
  }

  /**
   * Resizes to exactly the given size, whatever the ratio of the sides, and crops nothing.
   *
   * @param width columns, at least 1
   * @param height rows, at least 1
   * @param interpolation the kernel
   * @return a preprocessing that resizes so, and normalises as this one
   * @throws IllegalArgumentException if a side is less than 1
   */
  public Preprocessing stretch(int width, int height, Interpolation interpolation) {
    Objects.requireNonNull(interpolation, "interpolation");
    Size size = Size.of(width, height, "the resized picture");
    return new Preprocessing(new Stretch(size, interpolation), null, mean, std);
  }

  /**
   * Cuts the given size out of the middle of the resized picture.
   *
   * @param width columns, at least 1
   * @param height rows, at least 1
   * @return a preprocessing that crops so, and resizes and normalises as this one
   * @throws IllegalArgumentException if a side is less than 1
   */
  public Preprocessing centreCrop(int width, int height) {
    return new Preprocessing(resize, Size.of(width, height, "the crop"), mean, std);
  }

  /**
   * Subtracts a mean from values in [0, 1] and divides by a standard deviation. How many there are
   * sets the number of channels of the tensor: three for red, green, blue; one for grey.
   *
   * @param mean 1 or 3 values; copied
   * @param std as many, not 0; copied
   * @return a preprocessing that normalises so, and resizes and crops as this one
   * @throws IllegalArgumentException if there are not 1 or 3 of both, or one is not finite or a
   *     deviation is 0
   */
  public Preprocessing normalise(float[] mean, float[] std) {
    Objects.requireNonNull(mean, "mean");
    Objects.requireNonNull(std, "std");
    boolean channels = mean.length == std.length && (mean.length == 1 || mean.length == 3);
    boolean usable = channels;
    for (int i = 0; usable && i < mean.length; i++) {
      usable = Float.isFinite(mean[i]) && Float.isFinite(std[i]) && std[i] != 0;
    }
    if (!usable) {
      throw new IllegalArgumentException(
          "mean and std each need 1 or 3 finite values, and std no 0; they are %s and %s"
              .formatted(Arrays.toString(mean), Arrays.toString(std)));
    }
    return new Preprocessing(resize, crop, mean.clone(), std.clone());
  }

  /**
   * Makes the tensor grey, of one channel, by the luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114
   * B, rounded to bytes.
   *
   * @return a preprocessing that resizes and crops as this one, and normalises by the averages of
   *     its means and of its deviations
   */
  public Preprocessing grey() {
    return normalise(new float[] {average(mean)}, new float[] {average(std)});
  }

  private static float average(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return (float) (sum / values.length);
  }

  /**
   * Channels of the tensors made.
   *
   * @return 3, or 1 for grey
   */
  public int channels() {
    return mean.length;
  }

  /**
   * The part of a picture that the network sees.
   *
   * @param picture the picture, as given to {@link #apply(Picture)}
   * @return its rectangle in the picture's own pixel coordinates; the tensor's columns and rows
   *     divide it evenly
   * @throws InputException if the picture cannot be brought to size
   */
  public Region regionOf(Picture picture) {
    Objects.requireNonNull(picture, "picture");
    Size resized = resize.of(picture);
    Size seen = seenOf(resized);
    double perColumn = (double) picture.width() / resized.width();
    double perRow = (double) picture.height() / resized.height();
    return new Region(
        offset(resized.width(), seen.width()) * perColumn,
        offset(resized.height(), seen.height()) * perRow,
        seen.width() * perColumn,
        seen.height() * perRow);
  }

  private Size seenOf(Size resized) {
    if (crop == null) {
      return resized;
    }
    if (crop.width() > resized.width() || crop.height() > resized.height()) {
      throw new InputException("a crop of " + crop + " does not fit in a picture of " + resized);
    }
    return crop;
  }

  /** Where the middle begins; halves to the even neighbour, as torchvision rounds. */
  private static int offset(int whole, int part) {
    return (int) Math.rint((whole - part) / 2.0);
  }

  /**
   * Makes the input of one picture.
   *
   * @param picture of any size
   * @return a new float32 tensor 1 × C × H × W on the CPU, contiguous; the caller owns it and
   *     closes it
   * @throws InputException if the picture cannot be brought to size
   * @throws org.scorecam.error.NativeMemoryException if there is no memory for the tensor
   */
  public Tensor apply(Picture picture) {
    return apply(List.of(Objects.requireNonNull(picture, "picture")));
  }

  /**
   * Makes one input of several pictures.
   *
   * @param pictures at least one; they may differ in size if they come out equal
   * @return a new float32 tensor N × C × H × W on the CPU, contiguous; the caller owns it and
   *     closes it
   * @throws InputException if there are none, if they come out in different sizes, or if one cannot
   *     be brought to size
   * @throws org.scorecam.error.NativeMemoryException if there is no memory for the tensor
   */
  public Tensor apply(List<Picture> pictures) {
    Objects.requireNonNull(pictures, "pictures");
    if (pictures.isEmpty()) {
      throw new InputException("an input needs at least one picture, and there are none");
    }
    Size size = seenOf(resize.of(pictures.get(0)));
    for (int i = 1; i < pictures.size(); i++) {
      Size other = seenOf(resize.of(pictures.get(i)));
      if (!other.equals(size)) {
        throw new InputException(
            "pictures of one input must end up the same size, but picture 0 is %s and picture %d is %s"
                .formatted(size, i, other));
      }
    }
    long[] shape = {pictures.size(), channels(), size.height(), size.width()};
    return NativeErrors.translate(
        () -> {
          try (NativeScope scope = NativeScope.open()) {
            Tensor tensor = torch.empty(shape, new TensorOptions(torch.ScalarType.Float), null);
            FloatPointer data = tensor.data_ptr_float();
            long perPicture = (long) channels() * size.height() * size.width();
            for (int i = 0; i < pictures.size(); i++) {
              fill(data, i * perPicture, pictures.get(i), size);
            }
            return scope.keep(tensor);
          }
        },
        (words, cause) ->
            new InputException("cannot make a tensor of the pictures: " + words, cause));
  }

  /** Writes one picture's channels from {@code at} on, by way of a single row. */
  private void fill(FloatPointer data, long at, Picture picture, Size seen) {
    int channels = channels();
    byte[] samples = channels == 1 ? Luma.of(picture) : picture.bytes();
    Size resized = resize.of(picture);
    picture.checkResize(resized.width(), resized.height());
    samples =
        Resampling.resize(
            samples,
            picture.width(),
            picture.height(),
            channels,
            resized.width(),
            resized.height(),
            resize.interpolation());
    int left = offset(resized.width(), seen.width());
    int top = offset(resized.height(), seen.height());
    float[] row = new float[seen.width()];
    long to = at;
    for (int c = 0; c < channels; c++) {
      float[] normalised = normalisedBytes(c);
      for (int y = 0; y < seen.height(); y++) {
        int from = ((top + y) * resized.width() + left) * channels + c;
        for (int x = 0; x < row.length; x++) {
          row[x] = normalised[samples[from + x * channels] & 0xff];
        }
        data.position(to).put(row, 0, row.length);
        to += row.length;
      }
    }
  }

  /** What each byte becomes in a channel. */
  private float[] normalisedBytes(int channel) {
    float[] table = new float[256];
    for (int value = 0; value < table.length; value++) {
      table[value] = (value / 255f - mean[channel]) / std[channel];
    }
    return table;
  }

  @Override
  public String toString() {
    return "Preprocessing[%s, crop %s, mean %s, std %s]"
        .formatted(resize, crop, Arrays.toString(mean), Arrays.toString(std));
  }
}
