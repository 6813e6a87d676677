package org.scorecam.pipeline;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.Explainer;
import org.scorecam.Saliency;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.PrecisionException;
import org.scorecam.image.Preprocessing;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Threads that read pictures, and threads that score those of one shape together. Where pictures
 * come from and what becomes of their maps is a subclass's.
 */
abstract class PipelineEngine {
  private static final double NANOSECONDS_PER_SECOND = 1e9;

  private final List<Explainer> explainers;
  private final Preprocessing preprocessing;

  /** Whether inputs lie in pinned memory, from which a device copies them while others work. */
  private final boolean pinned;

  private final List<Thread> threads = new ArrayList<>();

  private final int scorers;

  // All below under this object's lock.

  /** Will be read, or are being read. */
  private final Set<PipelineJob> coming = new HashSet<>();

  /** Wait to be scored, in the order in which they were read. */
  private final List<PipelineJob> ready = new ArrayList<>();

  private boolean sourcesEnded;
  private boolean stopped;

  /**
   * Makes the threads.
   *
   * @param usualGroups that each explainer on the CPU has at a time unless the pipeline says it
   */
  PipelineEngine(Pipeline pipeline, int usualGroups) {
    this.explainers = pipeline.explainers;
    this.preprocessing = pipeline.preprocessing;
    this.pinned = explainers.stream().anyMatch(cam -> cam.device().type() == Device.Type.CUDA);
    for (int i = 0; i < pipeline.readers; i++) {
      addThread("read-" + i, this::readNext);
    }
    int made = 0;
    for (Explainer explainer : explainers) {
      boolean onCpu = explainer.device().type() == Device.Type.CPU;
      int groups = pipeline.groups > 0 ? pipeline.groups : onCpu ? usualGroups : 1;
      for (int i = 0; i < groups; i++) {
        boolean first = i == 0;
        addThread("score-" + made++, () -> scoreNext(explainer, first));
      }
    }
    this.scorers = made;
  }

  /** What a thread does again and again. */
  private interface Work {
    /**
     * Waits for the next piece and does it. Nothing of a piece that is done is held while the next
     * one is waited for: it may be a map that its owner has dropped.
     *
     * @return false if there is nothing more to do
     */
    boolean doNext() throws InterruptedException;
  }

  private void addThread(String name, Work work) {
    Runnable guarded =
        () -> {
          try {
            repeat(work);
          } catch (RuntimeException | Error e) {
            breakOff(e);
          }
        };
    Thread thread = new Thread(guarded, "scorecam-" + name);
    thread.setDaemon(true);
    threads.add(thread);
  }

  /**
   * An interrupt ends the work where it has been stopped; others are a source's or a dependent's.
   */
  private void repeat(Work work) {
    boolean more = true;
    while (more) {
      // One that was left by the last piece: the next wait would throw it.
      Thread.interrupted();
      try {
        more = work.doNext();
      } catch (InterruptedException e) {
        more = !isStopped();
      }
    }
  }

  /** To be called when the subclass is made. */
  final void startThreads() {
    threads.forEach(Thread::start);
  }

  // What a subclass decides

  /**
   * Waits for a picture to be read, which {@link #expect} has been told of; null if there will be
   * none. Called by the reading threads.
   */
  abstract PipelineJob awaitNext() throws InterruptedException;

  /**
   * How long the picture that was read first waits for others to be scored with it, in nanoseconds
   * from now. Called under the lock.
   */
  abstract long patience(PipelineJob first);

  /** Whether what a picture's reading or scoring threw is the end of all. */
  abstract boolean isEndedBy(Throwable thrown);

  /** Is told by a thread that it ends with an error. */
  abstract void breakOff(Throwable thrown);

  // What a subclass tells and asks

  /**
   * How many pictures are scored together; changes when the first has shown the layer's channels.
   */
  final int group() {
    return explainers.stream().mapToInt(Explainer::inputsPerGroup).max().orElseThrow();
  }

  /** How many groups may be scored at a time. */
  final int scorers() {
    return scorers;
  }

  /** Has a picture counted among those that are on their way. */
  final synchronized void expect(PipelineJob job) {
    coming.add(job);
    notifyAll();
  }

  /** Says that no more pictures will come than are expected. */
  final synchronized void endSources() {
    sourcesEnded = true;
    notifyAll();
  }

  /** Has the threads end after what they are at. */
  final synchronized void stop() {
    stopped = true;
    notifyAll();
  }

  final synchronized boolean haveSourcesEnded() {
    return sourcesEnded;
  }

  final synchronized boolean isStopped() {
    return stopped;
  }

  /** Whether others may be read yet. */
  final synchronized boolean areMoreComing() {
    return !coming.isEmpty();
  }

  /** How many are expected, or read and not scored yet. */
  synchronized int waiting() {
    return coming.size() + ready.size();
  }

  /** Those of them that are expected or wait to be scored. */
  final synchronized List<PipelineJob> allWaiting() {
    return Stream.concat(coming.stream(), ready.stream()).toList();
  }

  /** Forgets a picture that is not to be read any more, or waits to be scored. */
  final synchronized void withdraw(PipelineJob job, boolean unread) {
    if (unread) {
      coming.remove(job);
    }
    if (ready.remove(job)) {
      job.freeInput();
    }
    notifyAll();
  }

  /** Whether it is the engine that calls, so that waiting for its threads would not end. */
  final boolean isOwnThread() {
    return threads.contains(Thread.currentThread());
  }

  /** Waits until the threads have ended by themselves. */
  final void awaitThreads() throws InterruptedException {
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /** Waits for the threads, which are interrupted for a source that waits for something. */
  final void endThreads() {
    stop();
    if (isOwnThread()) {
      return;
    }
    boolean interrupted = false;
    for (Thread thread : threads) {
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
      ready.forEach(PipelineJob::freeInput);
      ready.clear();
      coming.clear();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  // Reading threads

  private boolean readNext() throws InterruptedException {
    PipelineJob job = awaitNext();
    if (job == null) {
      return false;
    }
    read(job);
    return true;
  }

  /** Reads a picture on the calling thread; what speaks against it is told to it. */
  final void read(PipelineJob job) {
    boolean succeeded = false;
    PipelineStage.Read stage = new PipelineStage.Read(job.name());
    try {
      job.read(preprocessing, pinned);
      succeeded = true;
    } catch (RuntimeException e) {
      job.fail(e);
    } catch (Error e) {
      if (isEndedBy(e)) {
        throw e;
      }
      job.fail(e);
    } finally {
      stage.commit();
    }
    finishReading(job, succeeded);
  }

  private synchronized void finishReading(PipelineJob job, boolean succeeded) {
    coming.remove(job);
    if (succeeded && job.isWanted() && !stopped) {
      ready.add(job);
    } else {
      job.freeInput();
    }
    notifyAll();
  }

  // Scoring threads

  private boolean scoreNext(Explainer explainer, boolean first) throws InterruptedException {
    List<PipelineJob> jobs = nextGroup(first);
    if (jobs.isEmpty()) {
      return false;
    }
    try {
      score(explainer, jobs);
    } finally {
      jobs.forEach(PipelineJob::freeInput);
    }
    return true;
  }

  /**
   * Waits for pictures to be scored together; none if there will be none.
   *
   * @param first whether it is the explainer's first thread. The others have nothing to do while
   *     one picture keeps the network busy: two at a time would only be later
   */
  private synchronized List<PipelineJob> nextGroup(boolean first) throws InterruptedException {
    while (!stopped && !(sourcesEnded && coming.isEmpty() && ready.isEmpty())) {
      boolean idle = ready.isEmpty() || (!first && group() == 1);
      long patience = idle ? Long.MAX_VALUE : patience(ready.get(0));
      List<PipelineJob> jobs =
          idle ? List.of() : patience <= 0 ? readyLike(ready.get(0)) : fullGroup();
      if (!jobs.isEmpty()) {
        ready.removeAll(jobs);
        return jobs;
      }
      NANOSECONDS.timedWait(this, patience);
    }
    return List.of();
  }

  private List<PipelineJob> readyLike(PipelineJob first) {
    return ready.stream().filter(job -> job.hasShapeOf(first)).limit(group()).toList();
  }

  private List<PipelineJob> fullGroup() {
    int group = group();
    return ready.stream()
        .map(this::readyLike)
        .filter(jobs -> jobs.size() >= group)
        .findFirst()
        .orElse(List.of());
  }

  private void score(Explainer explainer, List<PipelineJob> jobs) {
    long start = System.nanoTime();
    List<List<Saliency>> maps;
    try {
      maps =
          NativeErrors.translateNative(
              () -> explain(explainer, jobs), (words, e) -> new InputException(words, e));
    } catch (RuntimeException | Error e) {
      if (isEndedBy(e)) {
        throw e;
      }
      if (jobs.size() == 1 || e instanceof PrecisionException) {
        // A precision is refused for the network and the machine, whatever the picture.
        jobs.forEach(job -> job.fail(e));
      } else {
        // One of them is to blame: the others must not suffer for it.
        jobs.forEach(job -> score(explainer, List.of(job)));
      }
      return;
    }
    double seconds = (System.nanoTime() - start) / NANOSECONDS_PER_SECOND / jobs.size();
    for (int i = 0; i < jobs.size(); i++) {
      jobs.get(i).succeed(maps.get(i), seconds);
    }
  }

  private List<List<Saliency>> explain(Explainer explainer, List<PipelineJob> jobs) {
    PipelineStage.Group stage = new PipelineStage.Group(jobs);
    try (NativeScope scope = NativeScope.open()) {
      TensorVector inputs = new TensorVector();
      for (PipelineJob job : jobs) {
        inputs.push_back(
            job.input().to(explainer.device().toTorch(), ScalarType.Float, pinned, false, null));
      }
      Tensor batch = torch.cat(inputs, 0);
      return explainer.explainBatchTargets(batch, jobs.stream().map(PipelineJob::targets).toList());
    } finally {
      stage.commit();
    }
  }
}
