package org.scorecam.mask;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Which channels of the target layer are scored; the others get no weight. */
public final class ChannelSelection {
  /** What {@link #adaptive()} asks for. */
  public static final double USUAL_CORRELATION = 0.99;

  private static final Pattern TOP_AS_WRITTEN = Pattern.compile("(max|gradient|std):(\\d{1,9})");
  private static final Pattern ADAPTIVE_AS_WRITTEN = Pattern.compile("adaptive:(\\d*\\.?\\d+)");

  private static final ChannelSelection ALL = new ChannelSelection(Key.MAXIMUM, Long.MAX_VALUE, 1);

  private final Key key;
  private final long limit;

  /** What the map must reach with that of all channels; below 1 if they are chosen adaptively. */
  private final double correlation;

  private ChannelSelection(Key key, long limit, double correlation) {
    this.key = key;
    this.limit = limit;
    this.correlation = correlation;
  }

  /** What channels are ranked by. */
  private enum Key {
    MAXIMUM("max") {
      @Override
      Tensor of(Tensor maps, Tensor gradient) {
        return maps.amax(new long[] {1}, false);
      }
    },
    DEVIATION("std") {
      @Override
      Tensor of(Tensor maps, Tensor gradient) {
        // Not Bessel's, which has no value for maps of one place.
        return maps.std(new long[] {1}, false, false);
      }
    },
    GRADIENT("gradient") {
      @Override
      Tensor of(Tensor maps, Tensor gradient) {
        return gradient.flatten(1, -1).mul(maps).sum(1);
      }
    };

    private final String name;

    Key(String name) {
      this.name = name;
    }

    /** [K, places] and the gradient by it, where it is needed, to [K]. */
    abstract Tensor of(Tensor maps, Tensor gradient);
  }

  /**
   * Every channel, as the paper has it.
   *
   * @return the selection
   */
  public static ChannelSelection all() {
    return ALL;
  }

  /**
   * The channels with the largest maxima: channel skipping (CSKIP). A channel that is nowhere
   * strongly active masks the input almost away and says little of the class.
   *
   * @param count how many; more than there are means all
   * @return the selection
   * @throws IllegalArgumentException if it is less than 1
   */
  public static ChannelSelection topMax(long count) {
    return top(Key.MAXIMUM, count);
  }

  /**
   * The channels whose maps vary most, by the standard deviation of the map's values: that of
   * Faster Score-CAM (tabayashi0117/Score-CAM, and {@code max_N} of keisen/tf-keras-vis). It needs
   * no gradient, and leaves out channels that are high everywhere, which {@link #topMax} takes.
   *
   * @param count how many; more than there are means all
   * @return the selection
   * @throws IllegalArgumentException if it is less than 1
   */
  public static ChannelSelection topStd(long count) {
    return top(Key.DEVIATION, count);
  }

  /**
   * The channels that the target's score depends on most in the unmasked input: those with the
   * largest Σ ∂f/∂Aₖ · Aₖ over all places, which is, to first order, what the score would lose
   * without the channel. One pass with gradients finds them; each target has its own.
   *
   * <p>After gScoreCAM (Chen, Li, Biaz, Bui, Nguyen: "gScoreCAM: What Objects Is CLIP Looking At?",
   * ACCV 2022), whose published code ranks by the mean of ∂f/∂Aₖ alone, so that channels that are
   * hardly active come first where their gradient is large.
   *
   * <p>f is the target's score of the network's output as it is, also where a recipe scores
   * probabilities, whose gradient vanishes where the network is certain.
   *
   * @param count how many; more than there are means all
   * @return the selection
   * @throws IllegalArgumentException if it is less than 1
   */
  public static ChannelSelection topGradient(long count) {
    return top(Key.GRADIENT, count);
  }

  private static ChannelSelection top(Key key, long count) {
    if (count < 1) {
      throw new IllegalArgumentException("at least one channel must be kept, not " + count);
    }
    return new ChannelSelection(key, count, 1);
  }

  /**
   * As {@link #adaptive(double)}, with {@link #USUAL_CORRELATION}.
   *
   * @return the selection
   */
  public static ChannelSelection adaptive() {
    return adaptive(USUAL_CORRELATION);
  }

  /**
   * As many channels as the map needs to correlate so much with that of all: they are scored in
   * rounds, until the scores seen predict the others well enough. A score depends on the mask
   * alone, and like masks score alike, so that this needs no gradient and goes with any target.
   * Channels that are not scored get the weight that is expected of them.
   *
   * <p>The correlation is an estimate from below, at two standard errors. Where masks tell nothing
   * of scores, all channels are scored. The result says what was estimated, and why it stopped.
   *
   * @param correlation Pearson's, above 0; 1 scores all channels
   * @return the selection
   * @throws IllegalArgumentException if it is not above 0 and at most 1
   */
  public static ChannelSelection adaptive(double correlation) {
    if (!(correlation > 0 && correlation <= 1)) {
      throw new IllegalArgumentException(
          "the correlation to reach must be above 0 and at most 1, not " + correlation);
    }
    return new ChannelSelection(Key.MAXIMUM, Long.MAX_VALUE, correlation);
  }

  /**
   * Reads a selection as options have it.
   *
   * @param text {@code all}, {@code adaptive}, {@code adaptive:P}, {@code max:K}, {@code
   *     gradient:K} or {@code std:K}
   * @return the selection
   * @throws IllegalArgumentException if it is none of these, P is not above 0 and at most 1, or K
   *     is 0
   */
  public static ChannelSelection parse(String text) {
    if (text.equals("all")) {
      return all();
    }
    if (text.equals("adaptive")) {
      return adaptive();
    }
    Matcher adaptive = ADAPTIVE_AS_WRITTEN.matcher(text);
    if (adaptive.matches()) {
      return adaptive(Double.parseDouble(adaptive.group(1)));
    }
    Matcher top = TOP_AS_WRITTEN.matcher(text);
    if (!top.matches() || Integer.parseInt(top.group(2)) == 0) {
      throw new IllegalArgumentException(
          ("'%s' does not select channels; write all, adaptive, adaptive:P with P above 0 and at most"
                  + " 1, or max:K, gradient:K or std:K with K at least 1")
              .formatted(text));
    }
    int count = Integer.parseInt(top.group(2));
    return switch (top.group(1)) {
      case "gradient" -> topGradient(count);
      case "std" -> topStd(count);
      default -> topMax(count);
    };
  }

  /**
   * Whether channels are chosen while they are scored; {@link #select} then has all that may be.
   *
   * @return true for {@link #adaptive(double)} below 1
   */
  public boolean isAdaptive() {
    return correlation < 1;
  }

  /**
   * What the map must reach with that of all channels.
   *
   * @return Pearson's correlation; 1 unless {@link #isAdaptive}
   */
  public double correlation() {
    return correlation;
  }

  /**
   * Whether channels are chosen by the gradient of the target's score, so that each target has its
   * own.
   *
   * @return true if {@link #select(Tensor, Tensor)} needs one
   */
  public boolean needsGradient() {
    return key == Key.GRADIENT;
  }

  /**
   * How many channels of a layer are selected, whatever its maps hold.
   *
   * @param channels of the layer
   * @return at most as many
   */
  public long countOf(long channels) {
    return Math.min(limit, channels);
  }

  /**
   * Applies a selection that needs no gradient to one image's activation maps.
   *
   * @param activations [K, h, w]
   * @return indices of the channels to score, ascending
   * @throws IllegalStateException if it {@link #needsGradient}
   */
  public long[] select(Tensor activations) {
    requireNoGradient();
    return select(activations, null);
  }

  /**
   * Applies the selection to one image's activation maps.
   *
   * @param activations [K, h, w]
   * @param gradient of the target's score by them, of the same shape; null where it {@link
   *     #needsGradient} not
   * @return indices of the channels to score, ascending
   */
  public long[] select(Tensor activations, Tensor gradient) {
    long channels = activations.size(0);
    if (limit >= channels) {
      return LongStream.range(0, channels).toArray();
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor strongest = Tensors.onHost(strongest(activations, gradient)).contiguous();
      long[] indices = new long[(int) limit];
      new LongPointer(strongest.data_ptr()).get(indices);
      Arrays.sort(indices);
      return indices;
    }
  }

  /**
   * As {@link #select(Tensor)}, without waiting for the device.
   *
   * @param activations [K, h, w]
   * @return int64, on the device of the maps: indices of the channels to score, ascending; owned by
   *     the scope that must be open
   * @throws IllegalStateException if it {@link #needsGradient}
   */
  public Tensor selectOnDevice(Tensor activations) {
    requireNoGradient();
    long channels = activations.size(0);
    if (limit >= channels) {
      TensorOptions options =
          new TensorOptions(ScalarType.Long).device(new DeviceOptional(activations.device()));
      return torch.arange(new Scalar(channels), options);
    }
    return torch.sort(strongest(activations, null)).get0();
  }

  private Tensor strongest(Tensor activations, Tensor gradient) {
    Tensor keys = key.of(activations.flatten(1, -1), gradient);
    // A map with NaN or infinity cannot be scored, and would rank highest.
    Tensor ranked = keys.where(keys.isfinite(), new Scalar(Double.NEGATIVE_INFINITY));
    return torch.topk(ranked, limit).get1();
  }

  private void requireNoGradient() {
    if (needsGradient()) {
      throw new IllegalStateException(this + " selects channels by a gradient, and none is given");
    }
  }

  /**
   * The selection in words.
   *
   * @return {@code all}, {@code max:N}, {@code std:N}, {@code gradient:N} or {@code adaptive:P}
   */
  @Override
  public String toString() {
    if (isAdaptive()) {
      return "adaptive:" + correlation;
    }
    return limit == Long.MAX_VALUE ? "all" : key.name + ":" + limit;
  }
}
