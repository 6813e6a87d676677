package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import org.scorecam.Explainer;
import org.scorecam.Target;
import org.scorecam.image.Preprocessing;

/**
 * Explains many pictures one after the other, as fast as the network goes.
 *
 * <pre>{@code
 * Pipeline pipeline = Pipeline.on(cam).target(Target.top1()).build();
 * pipeline.run(files, explained -> Heatmap.of(explained.saliency().toArray()) …);
 * }</pre>
 *
 * <p>Reading threads decode and preprocess pictures ahead of the scoring threads, of which there is
 * one for each explainer unless {@link Builder#groups} says otherwise; pictures whose inputs have
 * the same shape are scored together, as many as {@link Explainer#inputsPerGroup} says. How many
 * pictures are in memory is limited, so that it is flat however many there are.
 *
 * <p>Immutable. Runs do not know of each other; on the CPU, two at a time share its workers.
 */
public final class Pipeline {
  private static final int PROCESSORS_PER_READER = 4;
  private static final int MOST_READERS = 4;

  final List<Explainer> explainers;
  final Preprocessing preprocessing;
  final List<Target> targets;
  final int readers;
  final int ahead;
  final int mostWaiting;
  final Duration window;

  /** 0 unless set. */
  final int groups;

  final boolean failFast;

  private Pipeline(Builder builder) {
    this.explainers = builder.explainers;
    this.preprocessing = builder.preprocessing;
    this.targets = builder.targets;
    this.readers = builder.readers;
    this.ahead = builder.ahead;
    this.mostWaiting = builder.mostWaiting;
    this.window = builder.window;
    this.groups = builder.groups;
    this.failFast = builder.failFast;
  }

  /**
   * Starts to build.
   *
   * @param explainer stays the caller's, and must stay open during runs
   * @return a builder
   */
  public static Builder on(Explainer explainer) {
    return on(List.of(requireNonNull(explainer, "explainer")));
  }

  /**
   * Starts to build.
   *
   * @param explainers of replicas of one network, such as one on each CUDA device; each is used by
   *     as many threads as {@link Builder#groups} says. They stay the caller's, and must stay open
   *     during runs
   * @return a builder
   * @throws IllegalArgumentException if there are none
   */
  public static Builder on(List<? extends Explainer> explainers) {
    requireNonNull(explainers, "explainers");
    explainers.forEach(explainer -> requireNonNull(explainer, "an explainer"));
    if (explainers.isEmpty()) {
      throw new IllegalArgumentException("a pipeline needs at least one explainer");
    }
    return new Builder(List.copyOf(explainers));
  }

  /** Collects what a {@link Pipeline} needs. */
  public static final class Builder {
    private final List<Explainer> explainers;
    private Preprocessing preprocessing = Preprocessing.imagenet();
    private List<Target> targets = List.of(Target.top1());
    private int readers =
        Math.max(
            1,
            Math.min(
                MOST_READERS, Runtime.getRuntime().availableProcessors() / PROCESSORS_PER_READER));
    private int ahead = 4;
    private int mostWaiting = 64;
    private Duration window = Duration.ofMillis(2);
    private int groups;
    private boolean failFast;

    private Builder(List<Explainer> explainers) {
      this.explainers = explainers;
    }

    /**
     * Says how a picture becomes the network's input.
     *
     * @param chosen {@link Preprocessing#imagenet} unless set
     * @return this builder
     */
    public Builder preprocessing(Preprocessing chosen) {
      this.preprocessing = requireNonNull(chosen, "preprocessing");
      return this;
    }

    /**
     * Says what is explained of every picture.
     *
     * @param chosen {@link Target#top1} unless set
     * @return this builder
     */
    public Builder target(Target chosen) {
      this.targets = List.of(requireNonNull(chosen, "target"));
      return this;
    }

    /**
     * Says what is explained of every picture, where that is several things; they share the
     * picture's passes, as {@link Explainer#explain(org.bytedeco.pytorch.Tensor, List)} says.
     *
     * @param chosen one or more
     * @return this builder
     * @throws IllegalArgumentException if there are none
     */
    public Builder targets(List<Target> chosen) {
      requireNonNull(chosen, "targets");
      chosen.forEach(target -> requireNonNull(target, "a target"));
      if (chosen.isEmpty()) {
        throw new IllegalArgumentException("a pipeline needs at least one target");
      }
      this.targets = List.copyOf(chosen);
      return this;
    }

    /**
     * Sets how many threads read and preprocess.
     *
     * @param threads one for each four processors, but 1 to 4, unless set
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder readers(int threads) {
      requirePositive(threads, "readers");
      this.readers = threads;
      return this;
    }

    /**
     * Sets how many pictures wait, beside those that are scored together: a run reads as many
     * ahead, and {@link Pipeline#serve} refuses more.
     *
     * @param pictures 4 of runs and 64 of services unless set
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder queue(int pictures) {
      requirePositive(pictures, "queue");
      this.ahead = pictures;
      this.mostWaiting = pictures;
      return this;
    }

    /**
     * Sets how long {@link Pipeline#serve} has a picture wait for others to be scored with it. A
     * full group waits no longer, and one that explainers have no time for waits until they have.
     *
     * @param longest from 0; 2 milliseconds unless set
     * @return this builder
     * @throws IllegalArgumentException if it is negative
     */
    public Builder window(Duration longest) {
      requireNonNull(longest, "window");
      if (longest.isNegative()) {
        throw new IllegalArgumentException("window must not be negative, but is " + longest);
      }
      this.window = longest;
      return this;
    }

    /**
     * Sets how many groups of pictures each explainer has at a time. While the maps of one are
     * captured or made, another's masked inputs keep the CPU busy; but each takes the memory of an
     * explanation. Where a group is a single picture, since that has enough masked inputs, there is
     * one at a time whatever is set.
     *
     * @param atOnce 2 of services on the CPU, otherwise 1, unless set
     * @return this builder
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder groups(int atOnce) {
      requirePositive(atOnce, "groups");
      this.groups = atOnce;
      return this;
    }

    /**
     * Has a run end with the first picture that fails; otherwise its {@link Explained} says so and
     * the run goes on. A service always does.
     *
     * @return this builder
     */
    public Builder failFast() {
      this.failFast = true;
      return this;
    }

    /**
     * Builds.
     *
     * @return the pipeline
     */
    public Pipeline build() {
      return new Pipeline(this);
    }

    private static void requirePositive(int number, String what) {
      if (number < 1) {
        throw new IllegalArgumentException("%s must be at least 1, not %d".formatted(what, number));
      }
    }
  }

  /**
   * Explains files and hands the results to a consumer, in the order of the files.
   *
   * @param files pictures of any format that {@link org.scorecam.image.Picture} reads; asked for
   *     one by one, by the reading threads
   * @param consumer is called by this thread, while others score the next pictures; each result is
   *     closed when it returns
   * @throws RuntimeException what the consumer threw, or the files' iterator; with {@link
   *     Builder#failFast} a picture's failure as well. All threads have ended then
   * @throws java.util.concurrent.CancellationException if this thread was interrupted, which it
   *     stays
   */
  public void run(Iterable<Path> files, Consumer<? super Explained> consumer) {
    runSources(sourcesOf(requireNonNull(files, "files")), consumer);
  }

  /**
   * As {@link #run}, for pictures from anywhere.
   *
   * @param sources asked for one by one, by the reading threads; a stream's {@code ::iterator} does
   * @param consumer as for {@link #run}
   */
  public void runSources(Iterable<Source> sources, Consumer<? super Explained> consumer) {
    requireNonNull(consumer, "consumer");
    try (PipelineRun results = start(sources)) {
      while (results.hasNext()) {
        try (Explained explained = results.next()) {
          consumer.accept(explained);
        }
      }
    }
  }

  /**
   * Starts to explain pictures, whose results are then taken one by one. It may be closed before
   * all are taken.
   *
   * @param sources as for {@link #runSources}
   * @return the results in the order of the sources; to be closed by the caller
   */
  public PipelineRun start(Iterable<Source> sources) {
    requireNonNull(sources, "sources");
    return new PipelineRun(this, sources.iterator());
  }

  /**
   * A stage of a reactive stream: subscribed to pictures, it publishes what became of each, in
   * their order. Whatever speaks {@link Flow} can stand on either side.
   *
   * <p>As many sources as {@link Builder#queue} says are asked for beside those whose pictures are
   * in memory, and nothing is published that was not asked for. A picture that fails is published
   * as one that failed; with {@link Builder#failFast} it ends the stream instead, as an error of
   * the upstream does at once, and anything that {@link #run} would throw. However the stream ends,
   * its threads end as well, and what was not published is freed.
   *
   * @return a new processor, for one upstream and one subscriber; results are the subscriber's to
   *     close, also those that reach it while it cancels. One that throws has not taken its result
   */
  public Flow.Processor<Source, Explained> processor() {
    return new PipelineProcessor(this, ahead);
  }

  /**
   * Starts to serve: pictures come one by one, from several threads, and each gives a future.
   *
   * @return the service, to be closed by the caller
   */
  public SaliencyService serve() {
    return new SaliencyService(this);
  }

  private static Iterable<Source> sourcesOf(Iterable<Path> files) {
    return () -> {
      Iterator<Path> paths = files.iterator();
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return paths.hasNext();
        }

        @Override
        public Source next() {
          return Source.of(paths.next());
        }
      };
    };
  }
}
