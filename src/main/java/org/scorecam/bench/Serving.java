package org.scorecam.bench;

import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Explainer;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.pipeline.Pipeline;
import org.scorecam.pipeline.SaliencyService;
import org.scorecam.runtime.Device;

/**
 * Callers who ask for maps of one input, each for the next one when it has the last, and how long
 * that takes: by a {@link SaliencyService}, or on the callers' own threads.
 */
public final class Serving {
  private static final double PER_CENT = 100;

  private final Explainer explainer;
  private final Tensor input;
  private final Target target;
  private final int maps;
  private final Duration longest;

  /**
   * What came out.
   *
   * @param seconds of all together
   * @param latencies seconds from asking to the map, of each, ascending
   * @param groups in which they were explained
   */
  public record Load(double seconds, List<Double> latencies, int groups) {
    /** Nothing measured yet. */
    public static final Load NONE = new Load(0, List.of(), 0);

    /**
     * Copies the list.
     *
     * @param seconds of all together
     * @param latencies seconds from asking to the map, of each, ascending
     * @param groups in which they were explained
     */
    public Load {
      latencies = List.copyOf(latencies);
    }

    /**
     * Takes another run of the same together with this one.
     *
     * @param other the other run
     * @return both
     */
    public Load and(Load other) {
      return new Load(
          seconds + other.seconds,
          Stream.concat(latencies.stream(), other.latencies.stream()).sorted().toList(),
          groups + other.groups);
    }

    /**
     * How fast it went.
     *
     * @return maps in a second
     */
    public double perSecond() {
      return latencies.size() / seconds;
    }

    /**
     * A percentile of the latency, by the nearest rank.
     *
     * @param percent above 0, up to 100
     * @return seconds, in which so many of the maps were there
     */
    public double latency(double percent) {
      return latencies.get((int) Math.ceil(percent / PER_CENT * latencies.size()) - 1);
    }

    /**
     * How many were explained together.
     *
     * @return maps in a group, in the mean
     */
    public double mapsPerGroup() {
      return (double) latencies.size() / groups;
    }
  }

  /**
   * Prepares.
   *
   * @param explainer stays the caller's
   * @param input [1, C, H, W], which stays the caller's
   * @param target of each map
   * @param maps that are asked for each time at most, at least 1
   * @param longest after which no more are asked for, but for one by each caller
   */
  public Serving(Explainer explainer, Tensor input, Target target, int maps, Duration longest) {
    this.explainer = explainer;
    this.input = input;
    this.target = target;
    this.maps = maps;
    this.longest = longest;
  }

  /**
   * Has a service explain.
   *
   * @param callers at once
   * @param window as in {@link Pipeline.Builder#window}
   * @return the times
   */
  public Load byService(int callers, Duration window) {
    Counted counted = new Counted();
    Pipeline pipeline = Pipeline.on(counted).queue(callers).window(window).build();
    try (SaliencyService service = pipeline.serve()) {
      return measure(callers, counted, () -> service.explain(input, target).join());
    }
  }

  /**
   * Has each caller explain for itself.
   *
   * @param callers at once
   * @return the times
   */
  public Load byCallers(int callers) {
    Counted counted = new Counted();
    return measure(callers, counted, () -> counted.explain(input, target));
  }

  /** Counts the calls, each of which is a group. */
  private final class Counted implements Explainer {
    private final AtomicInteger calls = new AtomicInteger();

    @Override
    public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
      calls.incrementAndGet();
      return explainer.explainBatchTargets(inputs, targets);
    }

    @Override
    public int inputsPerGroup() {
      return explainer.inputsPerGroup();
    }

    @Override
    public Device device() {
      return explainer.device();
    }

    @Override
    public void close() {
      throw new UnsupportedOperationException("it is not the measurement's");
    }
  }

  private Load measure(int callers, Counted counted, Supplier<Saliency> ask) {
    AtomicInteger asked = new AtomicInteger();
    Queue<Double> latencies = new ConcurrentLinkedQueue<>();
    ExecutorService threads = Executors.newFixedThreadPool(callers);
    try {
      long start = System.nanoTime();
      Runnable caller =
          () -> {
            do {
              if (asked.getAndIncrement() >= maps) {
                return;
              }
              long begin = System.nanoTime();
              try (Saliency saliency = ask.get()) {
                latencies.add(Lap.since(begin, 0).seconds());
              }
            } while (System.nanoTime() - start < longest.toNanos());
          };
      CompletableFuture.allOf(
              IntStream.range(0, callers)
                  .mapToObj(i -> CompletableFuture.runAsync(caller, threads))
                  .toArray(CompletableFuture<?>[]::new))
          .join();
      double seconds = Lap.since(start, 0).seconds();
      return new Load(seconds, latencies.stream().sorted().toList(), counted.calls.get());
    } finally {
      threads.shutdown();
    }
  }
}
