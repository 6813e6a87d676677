package org.scorecam.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;
import org.scorecam.runtime.TimedWork;
import org.scorecam.tensor.Tensors;

/**
 * Tries several ways to run the same network, and keeps the fastest that computes the same; finds
 * out, too, whether rows may be given to it together.
 */
final class ScorerTrials {
  private static final System.Logger LOG = System.getLogger(ScorerTrials.class.getName());

  /** Enough for a fair comparison, and a small part of one explanation. */
  private static final long ROWS = 4;

  /** As many of them are timed where one thread does all. */
  private static final long TIMED_ROWS_OF_ONE_THREAD = 2;

  /**
   * In the first, weights are packed and plans are made, and TorchScript looks at the types, for
   * which it compiles in the second.
   */
  private static final int UNCOUNTED_RUNS = 2;

  /** The least of a few runs counts once another one comes so near that it was no accident. */
  private static final double CONFIRMED = 1.05;

  /** Beside processes that have the processor as well, hardly two runs take the same. */
  private static final int MOST_COUNTED_RUNS = 6;

  /** What takes so many times as long in two runs is spared further ones. */
  private static final double HOPELESS = 2;

  /** How much faster another way must be; less may be the machine's doing. */
  private static final double GAIN = 0.03;

  private static final long LEAST_ROWS = 2;

  /** Of the memory that is available, what the rows of a trial may take. */
  private static final long SHARE = 2;

  private final DeviceMemory memory;

  /** False where there is one way only, whose time need not be known. */
  private final boolean timed;

  private final TimedWork work;

  /** What is run; less than at first where rows cannot be given together. */
  private Tensor sample;

  /** The best so far; null before the plain network has run. */
  private NetworkScorer best;

  private long fastest = Long.MAX_VALUE;

  /** What the plain network puts out. */
  private List<Tensor> expected = List.of();

  /** Why rows must be given one at a time; empty where they may be given together. */
  private Optional<String> oneByOne = Optional.empty();

  private ScorerTrials(Tensor sample, Device device, TimedWork work, boolean timed) {
    this.sample = sample;
    this.work = work;
    this.timed = timed;
    this.memory = DeviceMemory.of(device);
  }

  /**
   * Tries all, on fewer rows where there is not memory for more, and on one where the network takes
   * no more or gives a row another output beside others than alone.
   *
   * @param candidates the first is the network as it is, and the measure for the others; alone, it
   *     is only looked at
   * @return the fastest, owned by the caller
   * @throws InputException if the network cannot run inputs of this shape
   * @throws NativeMemoryException if there is not memory for one input
   */
  static NetworkScorer of(
      List<Supplier<NetworkScorer>> candidates, InputShape inputShape, Device device) {
    try (TimedWork work = TimedWork.on(device)) {
      return of(candidates, inputShape, device, work);
    }
  }

  private static NetworkScorer of(
      List<Supplier<NetworkScorer>> candidates,
      InputShape inputShape,
      Device device,
      TimedWork work) {
    for (long rows = ROWS; ; rows /= 2) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor sample = ProbeInput.of(device, inputShape.batchOf(rows));
        ScorerTrials trials = new ScorerTrials(sample, device, work, candidates.size() > 1);
        try {
          return trials.among(candidates);
        } finally {
          trials.expected.forEach(Tensor::close);
          // The losers' weights, and what all worked in, must not stay in the process.
          trials.memory.releaseKept();
        }
      } catch (NativeMemoryException e) {
        if (rows == 1) {
          throw e;
        }
      }
    }
  }

  private NetworkScorer among(List<Supplier<NetworkScorer>> candidates) {
    NetworkScorer plain = candidates.get(0).get();
    try {
      tryOutPlain(plain);
    } catch (RuntimeException | Error e) {
      plain.close();
      throw e;
    }
    for (Supplier<NetworkScorer> candidate : candidates.subList(1, candidates.size())) {
      try {
        tryOut(candidate.get());
      } catch (ScoreCamException e) {
        LOG.log(System.Logger.Level.DEBUG, "a way to score that does not work here", e);
      } catch (RuntimeException | Error e) {
        best.close();
        throw e;
      }
    }
    oneByOne.ifPresent(best::takeOneRow);
    return best;
  }

  /** Runs the plain network on all rows together, and on one alone where that differs. */
  private void tryOutPlain(NetworkScorer plain) {
    try {
      sample = sample.narrow(0, 0, fittingRows(plain));
      tryOut(plain);
    } catch (InputException e) {
      if (sample.size(0) == 1) {
        throw e;
      }
      oneByOne = Optional.of("the network takes only one row at a time");
      startAgainWithOneRow(plain);
      return;
    }
    if (sample.size(0) > 1 && rowsInfluenceEachOther(plain)) {
      oneByOne =
          Optional.of(
              isRandom(plain)
                  ? "the network's output for the same input differs from pass to pass, as with a"
                      + " dropout that is always on"
                  : "the network's output for a row differs when others are beside it");
      startAgainWithOneRow(plain);
    }
  }

  /**
   * As many of the rows as there is memory for, by what one takes; all where that is unknown, and
   * two at least, which show whether rows influence each other.
   */
  private long fittingRows(NetworkScorer plain) {
    memory.releaseKept();
    OptionalLong available = memory.available();
    long rows = sample.size(0);
    if (available.isEmpty() || rows <= LEAST_ROWS) {
      return rows;
    }
    long ofOne = memory.peakOf(() -> runAlone(plain)).orElse(0);
    while (rows > LEAST_ROWS && rows * ofOne > available.getAsLong() / SHARE) {
      rows /= 2;
    }
    return rows;
  }

  private void runAlone(NetworkScorer plain) {
    try (NativeScope scope = NativeScope.open()) {
      run(plain, firstRow(plain), output -> {});
    } catch (InputException e) {
      LOG.log(System.Logger.Level.DEBUG, "a network that takes no single rows", e);
    }
  }

  private Tensor firstRow(NetworkScorer plain) {
    return Tensors.inFormat(sample.narrow(0, 0, 1).to(plain.dtype()), plain.memoryFormat());
  }

  private void startAgainWithOneRow(NetworkScorer plain) {
    sample = sample.narrow(0, 0, 1);
    best = null;
    fastest = Long.MAX_VALUE;
    expected.forEach(Tensor::close);
    expected = List.of();
    tryOut(plain);
  }

  private boolean rowsInfluenceEachOther(NetworkScorer plain) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor rows = Tensors.inFormat(sample.to(plain.dtype()), plain.memoryFormat());
      Tensor row = firstRow(plain);
      AtomicBoolean same = new AtomicBoolean();
      run(
          plain,
          rows,
          together ->
              run(
                  plain,
                  row,
                  alone ->
                      same.set(
                          OutputAgreement.ofFirstRow(
                              together, alone, sample.size(0), plain.precision()))));
      return !same.get();
    } catch (InputException e) {
      // Not a network for single rows; together they work.
      return false;
    }
  }

  private boolean isRandom(NetworkScorer plain) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor row = firstRow(plain);
      List<List<Tensor>> outputs = new ArrayList<>();
      for (int run = 0; run < 2; run++) {
        run(plain, row, output -> outputs.add(OutputAgreement.copiesOf(output)));
      }
      return !OutputAgreement.of(outputs.get(0), outputs.get(1), plain.precision());
    }
  }

  private Tensor timedRows() {
    boolean few = work.isAlone() && sample.size(0) > TIMED_ROWS_OF_ONE_THREAD;
    return few ? sample.narrow(0, 0, TIMED_ROWS_OF_ONE_THREAD) : sample;
  }

  /** Takes a scorer if it is the first or the fastest, and closes it or the one before. */
  private void tryOut(NetworkScorer scorer) {
    NetworkScorer loser = scorer;
    try (NativeScope scope = NativeScope.open();
        Tensor chunk = Tensors.inFormat(timedRows().to(scorer.dtype()), scorer.memoryFormat())) {
      for (int run = 0; timed && run < UNCOUNTED_RUNS; run++) {
        run(scorer, chunk, put -> {});
      }
      List<Tensor> output = new ArrayList<>();
      long first = run(scorer, chunk, put -> output.addAll(OutputAgreement.copiesOf(put)));
      long taken = timed ? confirmed(first, scorer, chunk) : first;
      if (best == null) {
        output.forEach(scope::keep);
        expected = output;
      }
      boolean same = best == null || OutputAgreement.of(expected, output, scorer.precision());
      LOG.log(
          System.Logger.Level.DEBUG,
          "{0}: {1} against {2} ns{3}",
          scorer.description(),
          taken,
          fastest,
          same ? "" : ", another output");
      if (same && taken < (1 - GAIN) * fastest) {
        loser = best;
        best = scorer;
        fastest = taken;
      }
    } catch (RuntimeException | Error e) {
      if (best == null) {
        loser = null; // The caller's, who has no other.
      }
      throw e;
    } finally {
      if (loser != null) {
        loser.close();
      }
    }
  }

  /** The least of a first run and as many as it takes until another one has come near it. */
  private long confirmed(long first, NetworkScorer scorer, Tensor chunk) {
    long least = first;
    long confirmation = Long.MAX_VALUE;
    for (int run = 1; run < MOST_COUNTED_RUNS && confirmation > CONFIRMED * least; run++) {
      long again = run(scorer, chunk, put -> {});
      confirmation = Math.min(confirmation, Math.max(least, again));
      least = Math.min(least, again);
      if (least / HOPELESS > fastest) {
        break;
      }
    }
    return least;
  }

  /** The nanoseconds until the device is done; then the output is looked at. */
  private long run(NetworkScorer scorer, Tensor chunk, Consumer<ModelOutput> looking) {
    // A copy, since a network may work in place on its input.
    try (Tensor copy = chunk.clone()) {
      long start = work.nanoTime();
      try (ModelOutput output = scorer.score(copy)) {
        long taken = work.nanoTime() - start;
        looking.accept(output);
        return taken;
      }
    }
  }
}
