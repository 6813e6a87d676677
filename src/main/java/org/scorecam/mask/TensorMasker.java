package org.scorecam.mask;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Makes masked inputs with LibTorch's own operations, on any device that it supports. It does not
 * look for equal channels, which would take it longer than is usually saved.
 */
public final class TensorMasker implements Masker {
  /** A masker without state. */
  public TensorMasker() {}

  @Override
  public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
    try (NativeScope scope = NativeScope.open()) {
      T_TensorTensor_T range = rangeOf(activations);
      // A constant map must stay exactly so: upsampling's rounding would be normalised to noise.
      Tensor varying = ofMaps(range.get0().ne(range.get1()), activations);
      Tensor maps = activations.where(varying, new Scalar(0.0f));
      TensorVector ends = new TensorVector(range.get0(), range.get1());
      return new Operations(scope.keep(maps), image, rule, scope.keep(torch.cat(ends, 0)));
    }
  }

  @Override
  public String description() {
    return "LibTorch operations";
  }

  private static ChannelFacts factsOf(float[] ends) {
    int channels = ends.length / 2;
    BitSet constant = new BitSet(channels);
    BitSet nonFinite = new BitSet(channels);
    for (int k = 0; k < channels; k++) {
      float minimum = ends[k];
      float maximum = ends[channels + k];
      nonFinite.set(k, !Float.isFinite(minimum) || !Float.isFinite(maximum));
      constant.set(k, minimum == maximum && !nonFinite.get(k));
    }
    return new ChannelFacts(constant, nonFinite, IntStream.range(0, channels).toArray());
  }

  /** One value for each of the maps, to be broadcast over them. */
  private static Tensor ofMaps(Tensor values, Tensor maps) {
    long[] shape = new long[(int) maps.dim()];
    Arrays.fill(shape, 1);
    shape[0] = -1;
    return values.view(shape);
  }

  private static T_TensorTensor_T rangeOf(Tensor maps) {
    return torch.aminmax(maps.flatten(1, -1), new LongOptional(1), false);
  }

  /**
   * Writes the masks.
   *
   * @param ends of all maps the minima, then the maxima, which are read together
   */
  private record Operations(Tensor maps, Tensor image, MaskRule rule, Tensor ends)
      implements Masks {
    @Override
    public ChannelFacts facts() {
      return factsOf(Tensors.toArray(ends));
    }

    @Override
    public void write(long[] channels, Tensor rows) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor indices = Tensors.indices(channels, maps.device());
        Tensor selected =
            maps.index_select(0, indices).unsqueeze(1); // [b, 1, h, w], or of another rank
        boolean before = rule.order() == MaskRule.Order.BEFORE_UPSAMPLING;
        Tensor small = before ? normalised(selected) : selected;
        Tensor large = rule.upsampling().apply(small, Tensors.extentsOf(image));
        Tensor masks = before ? large : normalised(large); // [b, 1, H, W]
        torch.mul_out(rows, masks, image);
      }
    }

    private Tensor normalised(Tensor maps) {
      T_TensorTensor_T range = rangeOf(maps);
      Tensor minima = ofMaps(range.get0(), maps);
      Tensor span = ofMaps(range.get1(), maps).sub(minima);
      Tensor divisor = span.add(new Scalar(rule.epsilon()));
      // Without an epsilon a constant map would be 0/0; its mask is 0.
      return maps.sub(minima).div_(divisor.where(divisor.ne(new Scalar(0.0)), new Scalar(1.0)));
    }

    @Override
    public void close() {
      maps.close();
      ends.close();
    }
  }
}
