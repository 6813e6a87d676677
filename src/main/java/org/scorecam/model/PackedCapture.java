package org.scorecam.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Captures some layers by the program that masked inputs are scored by, which is faster than the
 * network as it is: by a copy over the same packed weights that also returns what the layers put
 * out.
 *
 * <p>The program has no modules, and an operator of it may stand for several. What a layer puts out
 * is found by its numbers: it is the one tensor that agrees with what the network as it is
 * captures, both of an input with small numbers, some of them 0, and of one with large numbers,
 * which reach bounds that those of images may not. The network as it is goes on capturing where
 * there is none, since the layer became part of a larger operator or stands behind a condition, and
 * where there are several, which may differ for other inputs.
 */
final class PackedCapture implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(PackedCapture.class.getName());

  /** Times the numbers of a probe. */
  private static final double LARGE = 30;

  /** What a candidate may be off at most, as a part of the range of a layer's output. */
  private static final double TOLERANCE = 1e-4;

  /** So many times as far off as the nearest, another candidate is another tensor. */
  private static final double CLEARLY = 10;

  private final Watch watch;
  private final AtomicBoolean searched = new AtomicBoolean();

  /** Null as long as nothing was found. */
  private volatile HookedFunction found;

  PackedCapture(Watch watch) {
    this.watch = watch;
  }

  /**
   * Runs the program; needs an open scope, which the capture outlives.
   *
   * @return nothing if the layers were not found, or nobody has searched for them yet
   */
  Optional<Capture> run(Tensor input) {
    return Optional.ofNullable(found)
        .map(function -> Capture.of(function.runOperators(input), watch.layers()));
  }

  /**
   * Searches for the layers, the first time.
   *
   * @param program of the network; must stay open
   * @param inputShape of inputs that both are known to run on
   * @param plain captures with the network as it is; may work in place on what it is given
   */
  void searchIn(FrozenScorer program, InputShape inputShape, Function<Tensor, Capture> plain) {
    if (!searched.compareAndSet(false, true)) {
      return;
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor small = ProbeInput.of(Device.cpu(), inputShape.batchOf(1));
      Tensor large = small.mul(new Scalar(LARGE));
      long last = small.dim() - 1;
      small.narrow(last, 0, small.size(last) / 2).zero_();
      try (Capture ofSmall = plain.apply(small.clone());
          Capture ofLarge = plain.apply(large.clone())) {
        List<Integer> candidates = likeAnyOf(ofSmall, program.sizesOfComputed(small.clone()));
        List<Integer> places = new ArrayList<>();
        try (HookedFunction all = program.returning(candidates);
            ModelOutput fromSmall = all.runOperators(small);
            ModelOutput fromLarge = all.runOperators(large)) {
          for (int l = 0; l < watch.layers().size(); l++) {
            int layer = l;
            OptionalInt nearest =
                nearest(
                    candidates.size(),
                    each ->
                        Math.max(
                            error(ofSmall.activations().get(layer), fromSmall, each),
                            error(ofLarge.activations().get(layer), fromLarge, each)));
            nearest.ifPresent(each -> places.add(candidates.get(each)));
          }
        }
        LOG.log(System.Logger.Level.DEBUG, "{0} in the program for scoring: {1}", watch, places);
        if (places.size() == watch.layers().size()) {
          found = program.returning(places);
        }
      }
    } catch (RuntimeException e) {
      LOG.log(System.Logger.Level.DEBUG, "layers that cannot be captured by the program", e);
    }
  }

  /** The places of the tensors that have the sizes of a layer's output. */
  private static List<Integer> likeAnyOf(Capture expected, List<List<Long>> sizes) {
    List<List<Long>> wanted = expected.activations().stream().map(CapturingModel::shapeOf).toList();
    return IntStream.range(0, sizes.size())
        .filter(place -> wanted.contains(sizes.get(place)))
        .boxed()
        .toList();
  }

  /** The one candidate with the least error; none if it is too large, or another comes near it. */
  private static OptionalInt nearest(int candidates, IntToDoubleFunction error) {
    int nearest = -1;
    double least = Double.POSITIVE_INFINITY;
    double second = Double.POSITIVE_INFINITY;
    for (int candidate = 0; candidate < candidates; candidate++) {
      double each = error.applyAsDouble(candidate);
      if (each < least) {
        second = least;
        least = each;
        nearest = candidate;
      } else if (each < second) {
        second = each;
      }
    }
    boolean clear = least <= TOLERANCE && second > CLEARLY * least;
    return clear ? OptionalInt.of(nearest) : OptionalInt.empty();
  }

  /** How far a candidate is off at most, as a part of the range of what was captured. */
  private static double error(Tensor captured, ModelOutput tuple, int candidate) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor seen = tuple.get(candidate + 1).get(0).tensor();
      boolean comparable =
          captured.scalar_type().intern() == ScalarType.Float
              && seen.scalar_type().intern() == ScalarType.Float
              && Arrays.equals(captured.shape(), seen.shape());
      if (!comparable) {
        return Double.NaN;
      }
      // Nothing can be told of what is the same everywhere: then this is no number, or infinite.
      Tensor range = captured.max().sub(captured.min());
      return captured.sub(seen).abs().max().div(range).item_double();
    }
  }

  @Override
  public void close() {
    if (found != null) {
      found.close();
    }
  }
}
