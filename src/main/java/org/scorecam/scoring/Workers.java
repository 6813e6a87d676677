package org.scorecam.scoring;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.scorecam.kernel.HelpingThreads;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchWork;

/**
 * The threads that score chunks beside each other on the CPU, each with few threads of LibTorch's,
 * or none but itself, so that none of them waits in the midst of an operation for a core that is
 * busy otherwise.
 *
 * <p>The process has one set of them. Several callers share it, and take turns chunk by chunk: all
 * together have as many threads as the one that asks for most, for itself and for those beside it
 * that are to have as many. They are daemons, wait without spinning, and end when everyone who
 * {@link #join}ed has {@link #leave left}.
 */
final class Workers {
  private static final Workers OF_THE_PROCESS = new Workers();

  /** Callers' work, in the order in which it is looked at for something to do. */
  private final Deque<Job> jobs = new ArrayDeque<>();

  private final Set<Thread> threads = new HashSet<>();

  /** Of the threads, those that are at a step. */
  private int busy;

  private int members;
  private int started;

  Workers() {}

  static Workers ofTheProcess() {
    return OF_THE_PROCESS;
  }

  /** Work that consists of steps which may be done beside each other. */
  interface Work {
    /**
     * Does the next step.
     *
     * @return false if there was none left
     */
    boolean step();
  }

  /** What a caller wants done; under the lock of all workers. */
  private static final class Job {
    final int most;

    /** Of this and the others that are beside it. */
    final int mostOfAll;

    final int threadsEach;
    final Work work;
    int running;
    long steps;

    /** Nothing more is begun. */
    boolean over;

    Throwable thrown;

    Job(int most, int mostOfAll, int threadsEach, Work work) {
      this.most = most;
      this.mostOfAll = mostOfAll;
      this.threadsEach = threadsEach;
      this.work = work;
    }
  }

  private static final class Worker extends Thread {
    Worker(Runnable work, int number) {
      // Nothing of the caller that happens to be the first.
      super(null, work, "scorecam-worker-" + number, 0, false);
      setContextClassLoader(Workers.class.getClassLoader());
      setDaemon(true);
    }
  }

  /** Whoever may {@link #run} something first joins. */
  synchronized void join() {
    members++;
  }

  /** Undoes one {@link #join}; the last one ends the threads, after what they are at. */
  synchronized void leave() {
    members--;
    notifyAll();
  }

  /**
   * Has work done, and waits for it. An exception of a step ends the work: what runs beside it is
   * brought to its end, and the exception is thrown here.
   *
   * @param most steps at a time, which share LibTorch's threads; with 1, or where a worker itself
   *     calls, the caller does all
   * @param callers how many callers at a time are to have as many; 1 to share them with all others
   * @param work its steps
   * @param afterStep is called by the caller's thread after each step
   */
  void run(int most, int callers, Work work, Runnable afterStep) {
    if (most == 1 || Thread.currentThread() instanceof Worker) {
      while (work.step()) {
        afterStep.run();
      }
      return;
    }
    int mostOfAll = Math.multiplyExact(most, callers);
    HelpingThreads.dismiss(); // Workers need their cores.
    Job job = new Job(most, mostOfAll, Math.max(1, LibTorch.threads() / most), work);
    begin(job);
    boolean interrupted = false;
    try {
      for (long seen = 0; ; seen++) {
        interrupted |= awaitStep(job, seen);
        if (job.steps == seen) {
          break;
        }
        afterStep.run();
      }
    } finally {
      interrupted |= end(job);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
    if (job.thrown instanceof Error error) {
      throw error;
    }
    if (job.thrown != null) {
      throw (RuntimeException) job.thrown;
    }
  }

  private synchronized void begin(Job job) {
    while (threads.size() < job.mostOfAll) {
      Worker worker = new Worker(this::serve, ++started);
      worker.start();
      threads.add(worker);
    }
    jobs.addLast(job);
    notifyAll();
  }

  private synchronized boolean awaitStep(Job job, long seen) {
    return await(() -> job.steps > seen || (job.over && job.running == 0));
  }

  /** Begins nothing more, and waits for what runs. */
  private synchronized boolean end(Job job) {
    job.over = true;
    jobs.remove(job);
    boolean interrupted = await(() -> job.running == 0);
    notifyAll();
    return interrupted;
  }

  /** Waits until something holds; whether it was interrupted, which ends nothing. */
  private synchronized boolean await(BooleanSupplier condition) {
    boolean interrupted = false;
    while (!condition.getAsBoolean()) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    return interrupted;
  }

  private void serve() {
    for (Job job = next(); job != null; job = next()) {
      boolean done = false;
      Throwable thrown = null;
      try (LibTorchWork work = LibTorchWork.begin(job.threadsEach)) {
        done = job.work.step();
      } catch (RuntimeException | Error e) {
        thrown = e;
      }
      finish(job, done, thrown);
    }
  }

  /** Waits for something to do; null if the thread is to end. */
  private synchronized Job next() {
    await(() -> mayBegin() != null || (members == 0 && jobs.isEmpty()));
    Job job = mayBegin();
    if (job == null) {
      threads.remove(Thread.currentThread());
      return null;
    }
    busy++;
    job.running++;
    // The others first, the next time.
    jobs.remove(job);
    jobs.addLast(job);
    return job;
  }

  /** A job with a step to begin, if another thread may be at one; else null. */
  private Job mayBegin() {
    int limit = jobs.stream().mapToInt(job -> job.mostOfAll).max().orElse(0);
    return busy >= limit
        ? null
        : jobs.stream().filter(job -> !job.over && job.running < job.most).findFirst().orElse(null);
  }

  private synchronized void finish(Job job, boolean done, Throwable thrown) {
    busy--;
    job.running--;
    if (done) {
      job.steps++;
    } else {
      job.over = true;
    }
    if (job.thrown == null) {
      job.thrown = thrown;
    }
    notifyAll();
  }
}
