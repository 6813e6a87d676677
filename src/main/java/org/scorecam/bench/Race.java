package org.scorecam.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.bytedeco.javacpp.Pointer;

/**
 * Times contestants in turns, so that what else happens on the machine hits all of them.
 *
 * <p>One round warms up and is forgotten. Every other round goes backwards, so that nobody always
 * comes after the same one, and inherits the caches and the clock speed that it leaves.
 */
public final class Race implements AutoCloseable {
  /** OpenBLAS's and OpenMP's workers spin for up to some 30 ms after their last work. */
  private static final long SETTLE_MILLIS = 60;

  private final List<Contestant> contestants = new ArrayList<>();
  private final List<Pointer> kept = new ArrayList<>();
  private final List<Pair> pairs = new ArrayList<>();

  private record Pair(Contestant slower, Contestant faster) {}

  /**
   * How many times as long one contestant took as another.
   *
   * @param slower the one, by name
   * @param faster the other
   * @param quotient as {@link Laps#over} has it
   */
  public record Comparison(String slower, String faster, double quotient) {}

  /**
   * What came out.
   *
   * @param laps of each contestant, in the order in which they entered
   * @param comparisons in the order in which they were asked for
   */
  public record Result(List<Laps> laps, List<Comparison> comparisons) {
    /**
     * Copies the lists.
     *
     * @param laps of each contestant
     * @param comparisons of some
     */
    public Result {
      laps = List.copyOf(laps);
      comparisons = List.copyOf(comparisons);
    }
  }

  /** A race without contestants. */
  public Race() {}

  /**
   * Adds a contestant.
   *
   * @param contestant with a name of its own; closed with this race
   * @param <C> its type
   * @return the same
   */
  public <C extends Contestant> C enter(C contestant) {
    contestants.add(contestant);
    return contestant;
  }

  /**
   * Keeps what contestants need until the race is closed.
   *
   * @param needed closed after the contestants
   * @param <P> its type
   * @return the same
   */
  public <P extends Pointer> P keep(P needed) {
    kept.add(needed);
    return needed;
  }

  /**
   * Has two contestants compared.
   *
   * @param slower the one that is expected to take longer
   * @param faster the other
   */
  public void compare(Contestant slower, Contestant faster) {
    pairs.add(new Pair(slower, faster));
  }

  /**
   * Runs the race.
   *
   * @param runs how often each contestant is timed, at least 1
   * @param progress is told after each lap how many are done, and of how many
   * @return the times
   */
  public Result run(int runs, BiConsumer<Integer, Integer> progress) {
    int count = contestants.size();
    List<List<Lap>> laps = new ArrayList<>();
    contestants.forEach(contestant -> laps.add(new ArrayList<>()));
    for (int round = 0; round <= runs; round++) {
      for (int i = 0; i < count; i++) {
        int place = round % 2 == 0 ? i : count - 1 - i;
        settle();
        Lap lap = contestants.get(place).run();
        if (round > 0) {
          laps.get(place).add(lap);
        }
        progress.accept(round * count + i + 1, (runs + 1) * count);
      }
    }
    List<Laps> result = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      result.add(new Laps(contestants.get(i).name(), laps.get(i)));
    }
    return new Result(result, pairs.stream().map(pair -> compared(pair, result)).toList());
  }

  private Comparison compared(Pair pair, List<Laps> laps) {
    Laps slower = laps.get(contestants.indexOf(pair.slower));
    Laps faster = laps.get(contestants.indexOf(pair.faster));
    return new Comparison(slower.name(), faster.name(), slower.over(faster));
  }

  private static void settle() {
    try {
      Thread.sleep(SETTLE_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted between two runs", e);
    }
  }

  /** Closes the contestants and what was kept for them. */
  @Override
  public void close() {
    contestants.forEach(Contestant::close);
    contestants.clear();
    kept.forEach(Pointer::close);
    kept.clear();
  }
}
