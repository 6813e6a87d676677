package org.scorecam.mask;

import java.util.Optional;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.kernel.Kernels;
import org.scorecam.kernel.StemKernel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Stem;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Writes what a network's stem puts out for masked inputs, without the masked inputs.
 *
 * <p>A mask M is linear in the cells of its normalised map a, and so is the stem's convolution W ∗
 * (X ∘ M). For one output the filter touches few cells, at most so many rows and columns of them
 * next to each other. Cells whose row and column leave the same remainders by these numbers are a
 * class, of which one cell at most is touched, so that with i over the classes
 *
 * <p>W ∗ (X ∘ M) = Σᵢ a[the touched cell of class i] · Tᵢ, Tᵢ = W ∗ (X ∘ U(1 in class i, 0
 * elsewhere))
 *
 * <p>with responses T that are made once for an image and a size of maps.
 *
 * <p>On the CPU. Safe for several threads.
 */
public final class StemMasks implements AutoCloseable {
  /**
   * A term of the sum takes as long as some multiplications of a convolution, since its operands
   * come from further away: measured on processors with AVX2, where filters of 7×7 on three
   * channels win (147 multiplications against 9 terms of bilinear and 25 of bicubic masks), and of
   * 3×3 do not (27 against 9).
   */
  private static final long MULTIPLICATIONS_OF_TERM = 5;

  /** The response of a class takes as long as the stem does for a masked input, or longer. */
  private static final long PASSES_OF_CLASS = 3;

  /** The range of a map of 0 and 1: its minimum in the lower half, its maximum in the upper. */
  private static final long RANGE_OF_CLASS = (long) Float.floatToRawIntBits(1.0f) << Integer.SIZE;

  private final Stem stem;
  private final Tensor activations;
  private final Tensor image;
  private final Tensor ranges;
  private final MaskRule rule;
  private final Tensor bias;
  private final Tensor responses;

  /** Takes over the bias and the responses. */
  private StemMasks(
      Stem stem,
      Tensor activations,
      Tensor image,
      Tensor ranges,
      MaskRule rule,
      Tensor bias,
      Tensor responses) {
    this.stem = stem;
    this.activations = activations;
    this.image = image;
    this.ranges = ranges;
    this.rule = rule;
    this.bias = bias;
    this.responses = responses;
  }

  /** As {@link Masks#behind}; all but the stem must stay open. */
  static Optional<StemMasks> of(
      Stem stem,
      Tensor activations,
      Tensor image,
      Tensor ranges,
      MaskRule rule,
      long passes,
      long bytes) {
    InputShape output = stem.outputFor(InputShape.of(image.shape()));
    try (NativeScope scope = NativeScope.open()) {
      long[] classes =
          StemKernel.classes(
              KernelMasker.maskingFor(rule).upsampling(),
              Tensors.extentsOf(activations),
              Tensors.extentsOf(image),
              stem.window());
      long count = classes[0] * classes[1];
      if (count * MULTIPLICATIONS_OF_TERM > stem.multiplications()
          || count * PASSES_OF_CLASS > passes
          || count * output.channels() * output.pixels() > bytes / Float.BYTES) {
        return Optional.empty();
      }
      Tensor responses = stem.convolve(inClasses(activations, image, rule, classes));
      return Optional.of(
          new StemMasks(
              stem, activations, image, ranges, rule, scope.keep(stem.bias()), responses));
    }
  }

  /** The image under a mask for each class, [classes, C, H, W]. */
  private static Tensor inClasses(Tensor activations, Tensor image, MaskRule rule, long[] classes) {
    long count = classes[0] * classes[1];
    Tensor rows = torch.arange(new Scalar(activations.size(1))).remainder(new Scalar(classes[0]));
    Tensor columns =
        torch.arange(new Scalar(activations.size(2))).remainder(new Scalar(classes[1]));
    Tensor classOfCell = rows.mul(new Scalar(classes[1])).unsqueeze(1).add(columns);
    Tensor maps =
        classOfCell.eq(torch.arange(new Scalar(count)).view(-1, 1, 1)).to(ScalarType.Float);
    Tensor ranges =
        torch.zeros(new long[] {count, Kernels.RANGE_LONGS}, new TensorOptions(ScalarType.Long));
    ranges.select(1, 0).fill_(new Scalar(RANGE_OF_CLASS));
    long[] shape = InputShape.of(image.shape()).batchOf(count);
    Tensor inputs =
        torch.empty(
            shape,
            new TensorOptions(ScalarType.Float),
            new MemoryFormatOptional(MemoryFormat.ChannelsLast));
    MaskRule plain = new MaskRule(rule.upsampling(), MaskRule.Order.BEFORE_UPSAMPLING, 0);
    Kernels.cpu()
        .mask(
            maps,
            image,
            ranges,
            LongStream.range(0, count).toArray(),
            KernelMasker.maskingFor(plain),
            inputs);
    return inputs;
  }

  /**
   * Writes what the stem puts out for some channels' masked inputs.
   *
   * @param channels indices of b channels
   * @param rows where to: float32 [b, O, Ho, Wo], dense and channels-last
   */
  public void write(long[] channels, Tensor rows) {
    try (NativeScope scope = NativeScope.open()) {
      StemKernel.write(
          StemKernel.source(activations, ranges, image, stem.window(), responses, bias)
              .lowest(stem.lowest())
              .highest(stem.highest()),
          channels,
          KernelMasker.maskingFor(rule),
          rows);
    }
  }

  /**
   * The memory that this keeps.
   *
   * @return bytes
   */
  public long bytes() {
    return responses.numel() * Float.BYTES;
  }

  /** Frees what was made. Closing again does nothing. */
  @Override
  public void close() {
    bias.close();
    responses.close();
  }
}
