package org.scorecam.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.InputException;
import org.scorecam.runtime.NativeMemoryException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.runtime.ScoreCamException;

/** Tries several ways to run the same network, and keeps the fastest that computes the same. */
final class FastestScorer {
  private static final System.Logger LOG = System.getLogger(FastestScorer.class.getName());

  /** Enough for a fair comparison, and a small part of one explanation. */
  private static final long ROWS = 4;

  private static final int RUNS = 2;

  /** How far outputs may be from the plain network's, as a part of their range. */
  private static final double TOLERANCE = 1e-4;

  private static final double REDUCED_TOLERANCE = 0.1;

  private FastestScorer() {}

  private record Trial(long nanoseconds, List<Tensor> outputs) {}

  /**
   * Tries all.
   *
   * @param candidates the first is the network as it is, and the measure for the others
   * @param inputShape [C, H, W]
   * @return the fastest, owned by the caller
   * @throws InputException if the network cannot run inputs of this size
   */
  static NetworkScorer of(
      List<Supplier<NetworkScorer>> candidates, long[] inputShape, Device device) {
    NetworkScorer best = candidates.get(0).get();
    try (NativeScope scope = NativeScope.open()) {
      Tensor sample = sample(inputShape, device);
      Trial plain = tryOut(best, sample);
      long fastest = plain.nanoseconds;
      for (Supplier<NetworkScorer> candidate : candidates.subList(1, candidates.size())) {
        NetworkScorer other = null;
        try {
          other = candidate.get();
          Trial trial = tryOut(other, sample);
          boolean same = agree(plain.outputs, trial.outputs, other.dtype());
          LOG.log(
              System.Logger.Level.DEBUG,
              "{0}: {1} against {2} ns{3}",
              other.description(),
              trial.nanoseconds,
              fastest,
              same ? "" : ", another output");
          if (same && trial.nanoseconds < fastest) {
            NetworkScorer loser = best;
            best = other;
            other = loser;
            fastest = trial.nanoseconds;
          }
        } catch (NativeMemoryException e) {
          throw e;
        } catch (ScoreCamException e) {
          LOG.log(System.Logger.Level.DEBUG, "a way to score that does not work here", e);
        } finally {
          if (other != null) {
            other.close();
          }
        }
      }
      return best;
    } catch (RuntimeException | Error e) {
      best.close();
      throw e;
    } finally {
      // The losers' weights, and what all worked in, must not stay in the process.
      DeviceMemory.of(device).releaseKept();
    }
  }

  /** Numbers between -2 and 2 without a pattern that a network could take for constant. */
  private static Tensor sample(long[] inputShape, Device device) {
    long[] shape = {ROWS, inputShape[0], inputShape[1], inputShape[2]};
    Tensor numbers = torch.arange(new Scalar(Arrays.stream(shape).reduce(1, Math::multiplyExact)));
    return numbers
        .to(ScalarType.Float)
        .mul(new Scalar(0.7548))
        .sin()
        .mul(new Scalar(2.0))
        .view(shape)
        .to(device.toTorch(), ScalarType.Float);
  }

  private static Trial tryOut(NetworkScorer scorer, Tensor sample) {
    Tensor chunk = sample.to(scorer.dtype()).contiguous(scorer.memoryFormat());
    List<Tensor> outputs = List.of();
    long fastest = Long.MAX_VALUE;
    // The first run is not counted: plans are made in it, and TorchScript looks at the types.
    for (int run = 0; run <= RUNS; run++) {
      long start = System.nanoTime();
      try (ModelOutput output = scorer.score(chunk)) {
        // Copies on the CPU, for which a device has to be done.
        outputs = copiesOf(output);
      }
      if (run > 0) {
        fastest = Math.min(fastest, System.nanoTime() - start);
      }
    }
    return new Trial(fastest, outputs);
  }

  private static List<Tensor> copiesOf(ModelOutput output) {
    List<Tensor> copies = new ArrayList<>();
    output.forEachTensor(tensor -> copies.add(tensor.cpu().to(ScalarType.Double).clone()));
    return copies;
  }

  private static boolean agree(List<Tensor> expected, List<Tensor> actual, ScalarType dtype) {
    double tolerance = dtype.intern() == ScalarType.Float ? TOLERANCE : REDUCED_TOLERANCE;
    if (expected.size() != actual.size()) {
      return false;
    }
    for (int i = 0; i < expected.size(); i++) {
      Tensor one = expected.get(i);
      Tensor other = actual.get(i);
      if (!Arrays.equals(one.shape(), other.shape())) {
        return false;
      }
      double range = one.max().sub(one.min()).item_double();
      // A NaN agrees with nothing.
      if (one.numel() > 0 && !(one.sub(other).abs().max().item_double() <= tolerance * range)) {
        return false;
      }
    }
    return true;
  }
}
