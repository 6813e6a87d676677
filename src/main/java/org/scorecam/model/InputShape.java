package org.scorecam.model;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/**
 * The shape of one input, without the dimension of the batch.
 *
 * @param sizes the channels, and then the extent in each dimension: [C, H, W] for pictures
 */
public record InputShape(List<Long> sizes) {
  /**
   * Checks and copies the sizes.
   *
   * @param sizes the channels and at least one extent
   * @throws IllegalArgumentException if there are fewer than two, or one is less than 1
   */
  public InputShape {
    sizes = List.copyOf(sizes);
    if (sizes.size() < 2 || sizes.stream().anyMatch(size -> size < 1)) {
      throw new IllegalArgumentException(
          "an input's shape is its channels and extents, such as [3, 224, 224], not " + sizes);
    }
  }

  /**
   * A shape.
   *
   * @param sizes such as 3, 224, 224
   * @return the value
   * @throws IllegalArgumentException as the constructor
   */
  public static InputShape of(long... sizes) {
    return new InputShape(LongStream.of(sizes).boxed().toList());
  }

  /**
   * The shape of each row of a batch.
   *
   * @param batch [N, C, H, W]
   * @return [C, H, W]
   * @throws IllegalArgumentException as the constructor
   */
  public static InputShape ofRowsIn(Tensor batch) {
    long[] shape = batch.shape();
    return of(Arrays.copyOfRange(shape, Math.min(1, shape.length), shape.length));
  }

  /**
   * How many channels an input has.
   *
   * @return C
   */
  public long channels() {
    return sizes.get(0);
  }

  /**
   * How many places an input has that a mask has a value for.
   *
   * @return H·W
   */
  public long pixels() {
    return sizes.stream().skip(1).reduce(1L, Math::multiplyExact);
  }

  /**
   * The shape of a batch of such inputs.
   *
   * @param rows N
   * @return [N, C, H, W]
   */
  public long[] batchOf(long rows) {
    return LongStream.concat(LongStream.of(rows), sizes.stream().mapToLong(Long::longValue))
        .toArray();
  }

  /**
   * The sizes.
   *
   * @return for example {@code 3×224×224}
   */
  @Override
  public String toString() {
    return sizes.stream().map(String::valueOf).collect(Collectors.joining("×"));
  }
}
