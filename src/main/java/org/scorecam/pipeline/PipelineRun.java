package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.CancellationException;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.Explainer;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.image.Preprocessing;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Pictures that are being explained: the results, in order, to be taken by one thread.
 *
 * <p>Closing it at any time ends its threads, after the pictures that they are at, and frees what
 * was not taken.
 */
public final class PipelineRun implements Iterator<Explained>, AutoCloseable {
  private static final double NANOSECONDS = 1e9;

  private final Preprocessing preprocessing;
  private final List<Target> targets;
  private final boolean failFast;

  /** Whether inputs lie in pinned memory, from which a device copies them while others work. */
  private final boolean pinned;

  private final List<Explainer> explainers;

  /** Pictures that are read before they are needed. */
  private final int ahead;

  private final List<Thread> threads = new ArrayList<>();

  /** Is asked by one reading thread at a time, which may have to wait for it. */
  private final Iterator<Source> sources;

  private final Object askingForSources = new Object();

  // All below under this object's lock.

  /** Admitted and not taken yet, in order: never more than the capacity. */
  private final Deque<PipelineJob> untaken = new ArrayDeque<>();

  /** Of these, in order, those that no scoring thread has; some are still being read. */
  private final List<PipelineJob> unscored = new ArrayList<>();

  private final Set<PipelineJob> read = new HashSet<>();

  private long admitted;
  private boolean sourcesEnded;
  private boolean stopped;
  private Throwable broken;

  PipelineRun(
      Iterator<Source> sources,
      List<Explainer> explainers,
      Preprocessing preprocessing,
      List<Target> targets,
      int readers,
      int ahead,
      boolean failFast) {
    this.sources = sources;
    this.preprocessing = preprocessing;
    this.targets = targets;
    this.failFast = failFast;
    this.pinned = explainers.stream().anyMatch(cam -> cam.device().type() == Device.Type.CUDA);
    this.explainers = List.copyOf(explainers);
    this.ahead = ahead;
    for (int i = 0; i < readers; i++) {
      addThread("read-" + i, this::readAll);
    }
    for (int i = 0; i < explainers.size(); i++) {
      Explainer explainer = explainers.get(i);
      addThread("score-" + i, () -> scoreAll(explainer));
    }
    threads.forEach(Thread::start);
  }

  /**
   * How many pictures are scored together; changes when the first has shown the layer's channels.
   */
  private int group() {
    return explainers.stream().mapToInt(Explainer::inputsPerGroup).max().orElseThrow();
  }

  /** While each explainer has a group and one waits to be taken, the next one is read. */
  private int capacity() {
    return group() * (explainers.size() + 1) + ahead;
  }

  /** Work of a thread, which ends when the run is over. */
  private interface Work {
    void run() throws InterruptedException;
  }

  private void addThread(String name, Work work) {
    Runnable guarded =
        () -> {
          try {
            work.run();
          } catch (InterruptedException e) {
            // The run is being closed.
          } catch (RuntimeException | Error e) {
            breakOff(e);
          }
        };
    Thread thread = new Thread(guarded, "scorecam-" + name);
    thread.setDaemon(true);
    threads.add(thread);
  }

  // Reading threads

  private void readAll() throws InterruptedException {
    for (PipelineJob job = admitNext(); job != null; job = admitNext()) {
      job.read(preprocessing, pinned);
      finishReading(job);
    }
  }

  private PipelineJob admitNext() throws InterruptedException {
    synchronized (askingForSources) {
      if (!awaitRoom()) {
        return null;
      }
      boolean more = sources.hasNext();
      return admit(more ? requireNonNull(sources.next(), "a source") : null);
    }
  }

  private synchronized boolean awaitRoom() throws InterruptedException {
    while (!stopped && !sourcesEnded && untaken.size() >= capacity()) {
      wait();
    }
    return !stopped && !sourcesEnded;
  }

  private synchronized PipelineJob admit(Source source) {
    notifyAll();
    if (source == null) {
      sourcesEnded = true;
      return null;
    }
    PipelineJob job = new PipelineJob(admitted++, source);
    untaken.add(job);
    unscored.add(job);
    return job;
  }

  private synchronized void finishReading(PipelineJob job) {
    if (job.result() == null) {
      read.add(job);
    } else {
      unscored.remove(job);
    }
    notifyAll();
  }

  // Scoring threads

  private void scoreAll(Explainer explainer) throws InterruptedException {
    for (List<PipelineJob> jobs = nextGroup(); !jobs.isEmpty(); jobs = nextGroup()) {
      score(explainer, jobs);
      synchronized (this) {
        notifyAll();
      }
    }
  }

  /**
   * The first picture and others with inputs of its shape; waits for those that are being read if
   * they may be among them. None if the run is over.
   */
  private synchronized List<PipelineJob> nextGroup() throws InterruptedException {
    while (!stopped && !(sourcesEnded && unscored.isEmpty())) {
      if (!unscored.isEmpty() && read.contains(unscored.get(0))) {
        List<PipelineJob> jobs = likeTheFirst();
        if (jobs.size() >= group() || read.containsAll(unscored)) {
          unscored.removeAll(jobs);
          jobs.forEach(read::remove);
          return jobs;
        }
      }
      wait();
    }
    return List.of();
  }

  private List<PipelineJob> likeTheFirst() {
    PipelineJob first = unscored.get(0);
    return unscored.stream()
        .filter(job -> read.contains(job) && job.hasShapeOf(first))
        .limit(group())
        .toList();
  }

  private void score(Explainer explainer, List<PipelineJob> jobs) {
    long start = System.nanoTime();
    try {
      List<List<Saliency>> maps =
          NativeErrors.translateNative(
              () -> explain(explainer, jobs), (words, e) -> new InputException(words, e));
      double seconds = (System.nanoTime() - start) / NANOSECONDS / jobs.size();
      synchronized (this) {
        for (int i = 0; i < jobs.size(); i++) {
          jobs.get(i).succeed(maps.get(i), seconds);
        }
      }
    } catch (PrecisionException e) {
      // It is the network's and the machine's: the next picture would be refused as well.
      throw e;
    } catch (ScoreCamException e) {
      if (jobs.size() == 1) {
        synchronized (this) {
          jobs.get(0).fail(e);
        }
      } else {
        // One of them is to blame: the others must not suffer for it.
        jobs.forEach(job -> score(explainer, List.of(job)));
      }
    }
  }

  private List<List<Saliency>> explain(Explainer explainer, List<PipelineJob> jobs) {
    try (NativeScope scope = NativeScope.open()) {
      TensorVector inputs = new TensorVector();
      for (PipelineJob job : jobs) {
        inputs.push_back(
            job.input().to(explainer.device().toTorch(), ScalarType.Float, pinned, false, null));
      }
      Tensor batch = torch.cat(inputs, 0);
      return explainer.explainBatchTargets(batch, Collections.nCopies(jobs.size(), targets));
    }
  }

  private synchronized void breakOff(Throwable thrown) {
    if (broken == null) {
      broken = thrown;
    }
    stopped = true;
    notifyAll();
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
      while (untaken.isEmpty() && !sourcesEnded && !stopped) {
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
    PipelineJob job = untaken.getFirst();
    try {
      while (job.result() == null && !stopped) {
        wait();
      }
    } catch (InterruptedException e) {
      throw interrupted();
    }
    if (job.result() == null) {
      requireWhole();
    }
    untaken.removeFirst();
    notifyAll();
    Explained result = job.result();
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
    if (stopped) {
      throw new IllegalStateException("this run is closed");
    }
  }

  private static CancellationException interrupted() {
    Thread.currentThread().interrupt();
    return new CancellationException("interrupted while pictures were being explained");
  }

  /** Begins to close without waiting: from now on {@link #hasNext} and {@link #next} throw. */
  synchronized void stop() {
    stopped = true;
    notifyAll();
  }

  /**
   * Ends the threads, waiting for the pictures that they are at, and frees what was not taken.
   * Closing again does nothing.
   */
  @Override
  public void close() {
    stop();
    boolean interrupted = false;
    for (Thread thread : threads) {
      // For a source that waits for something.
      thread.interrupt();
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    synchronized (this) {
      untaken.forEach(PipelineJob::discard);
      untaken.clear();
      unscored.clear();
      read.clear();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
