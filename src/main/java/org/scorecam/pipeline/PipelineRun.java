package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;

/**
 * Pictures that are being explained: the results, in order, to be taken by one thread.
 *
 * <p>Closing it at any time ends its threads, after the pictures that they are at, and frees what
 * was not taken.
 */
public final class PipelineRun extends PipelineEngine
    implements Iterator<Explained>, AutoCloseable {
  private final List<Target> targets;
  private final boolean failFast;

  /** Pictures that are read before they are needed. */
  private final int ahead;

  /** Is asked by one reading thread at a time, which may have to wait for it. */
  private final Iterator<Source> sources;

  private final Object askingForSources = new Object();

  // All below under this object's lock.

  /** Admitted and not taken yet, in order: never more than the capacity. */
  private final Deque<Place> untaken = new ArrayDeque<>();

  private long admitted;
  private Throwable broken;

  PipelineRun(Pipeline pipeline, Iterator<Source> sources) {
    super(pipeline, 1);
    this.sources = sources;
    this.targets = pipeline.targets;
    this.failFast = pipeline.failFast;
    this.ahead = pipeline.ahead;
    startThreads();
  }

  /** A picture and its place among the results. */
  private final class Place extends PipelineJob {
    private final long index;
    private final Source source;
    private Picture picture;

    /** Under the run's lock; null until there is one. */
    private Explained result;

    private Place(long index, Source source) {
      super(source.name(), targets);
      this.index = index;
      this.source = source;
    }

    @Override
    Tensor makeInput(Preprocessing preprocessing) {
      picture = source.read();
      return preprocessing.apply(picture);
    }

    @Override
    void succeed(List<Saliency> saliencies, double seconds) {
      finish(new Explained(index, name(), picture, shape(), saliencies, seconds));
    }

    @Override
    void fail(Throwable thrown) {
      finish(new Explained(index, name(), (RuntimeException) thrown));
    }

    @Override
    boolean isWanted() {
      return true;
    }

    private void finish(Explained explained) {
      synchronized (PipelineRun.this) {
        result = explained;
        PipelineRun.this.notifyAll();
      }
    }
  }

  // Reading threads

  @Override
  PipelineJob awaitNext() throws InterruptedException {
    synchronized (askingForSources) {
      if (!awaitRoom()) {
        return null;
      }
      if (!sources.hasNext()) {
        endSources();
        return null;
      }
      return admit(requireNonNull(sources.next(), "a source"));
    }
  }

  /** While each scoring thread has a group and one waits to be taken, the next one is read. */
  private int capacity() {
    return group() * (scorers() + 1) + ahead;
  }

  private synchronized boolean awaitRoom() throws InterruptedException {
    while (!isStopped() && !haveSourcesEnded() && untaken.size() >= capacity()) {
      wait();
    }
    return !isStopped() && !haveSourcesEnded();
  }

  private synchronized PipelineJob admit(Source source) {
    Place place = new Place(admitted++, source);
    untaken.add(place);
    expect(place);
    return place;
  }

  // All threads

  /** Those that are being read may be scored with it. */
  @Override
  long patience(PipelineJob first) {
    return areMoreComing() ? Long.MAX_VALUE : 0;
  }

  /** A failure of a single picture is not; a precision is refused to the next as well. */
  @Override
  boolean isEndedBy(Throwable thrown) {
    return thrown instanceof PrecisionException || !(thrown instanceof ScoreCamException);
  }

  @Override
  synchronized void breakOff(Throwable thrown) {
    if (broken == null) {
      broken = thrown;
    }
    stop();
  }

  // The thread that takes

  /**
   * Waits until it is known whether there is another picture.
   *
   * @return whether there is
   * @throws RuntimeException what the sources' iterator or the scoring of anything threw that is no
   *     failure of a single picture
   * @throws IllegalStateException if the run is closed
   * @throws CancellationException if this thread was interrupted, which it stays
   */
  @Override
  public synchronized boolean hasNext() {
    try {
      while (untaken.isEmpty() && !haveSourcesEnded() && !isStopped()) {
        wait();
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    requireWhole();
    return !untaken.isEmpty();
  }

  /**
   * Waits for the next picture's result.
   *
   * @return owned by the caller
   * @throws NoSuchElementException if there is none
   * @throws RuntimeException as {@link #hasNext}; with {@link Pipeline.Builder#failFast} the
   *     picture's failure as well
   */
  @Override
  public synchronized Explained next() {
    if (!hasNext()) {
      throw new NoSuchElementException("there are no more pictures");
    }
    Place place = untaken.getFirst();
    try {
      while (place.result == null && !isStopped()) {
        wait();
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    if (place.result == null) {
      requireWhole();
    }
    untaken.removeFirst();
    notifyAll();
    Explained result = place.result;
    if (failFast && result.failure().isPresent()) {
      throw result.failure().get();
    }
    return result;
  }

  private void requireWhole() {
    if (broken instanceof Error error) {
      throw error;
    }
    if (broken != null) {
      throw (RuntimeException) broken;
    }
    if (isStopped()) {
      throw new IllegalStateException("this run is closed");
    }
  }

  private static CancellationException interrupted() {
    Thread.currentThread().interrupt();
    return new CancellationException("interrupted while pictures were being explained");
  }

  /**
   * Ends the threads, waiting for the pictures that they are at, and frees what was not taken.
   * Closing again does nothing.
   */
  @Override
  public void close() {
    endThreads();
    synchronized (this) {
      untaken.stream()
          .map(place -> place.result)
          .filter(Objects::nonNull)
          .forEach(Explained::close);
      untaken.clear();
    }
  }
}
