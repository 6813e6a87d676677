package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.Flow;

/**
 * What {@link Pipeline#processor} gives: a {@link PipelineRun} whose sources are those that the
 * upstream sends, and whose results a thread hands to the subscriber as they are asked for. All
 * signals to the subscriber come from that thread. References such as "2.7" are to the rules of
 * Reactive Streams.
 */
final class PipelineProcessor implements Flow.Processor<Source, Explained> {
  private final Pipeline pipeline;

  /** Sources that may be asked for and not be taken by the run yet. */
  private final int ahead;

  // All below under this object's lock, which is never held while others' code is called.

  private Flow.Subscription upstream;

  /** Came from the upstream and were not taken by the run. */
  private final Deque<Source> arrived = new ArrayDeque<>();

  /** It has completed, failed or been cancelled, and is not spoken to any more (2.4). */
  private boolean upstreamEnded;

  /** What the subscriber is told at the end; the first one counts. */
  private Throwable failure;

  /** Null before it is known. */
  private PipelineRun run;

  private long demand;
  private boolean cancelled;

  /** What the upstream is still to be told. */
  private long unrequested;

  private boolean uncancelled;

  /** Whether a thread is telling it, so that the calls come one after the other (2.7). */
  private boolean telling;

  PipelineProcessor(Pipeline pipeline, int ahead) {
    this.pipeline = pipeline;
    this.ahead = ahead;
  }

  // The upstream's thread

  @Override
  public void onSubscribe(Flow.Subscription subscription) {
    requireNonNull(subscription, "subscription");
    boolean taken;
    synchronized (this) {
      taken = upstream == null && !isOver();
      if (taken) {
        upstream = subscription;
        unrequested = ahead;
      }
    }
    if (taken) {
      tellUpstream();
    } else {
      subscription.cancel();
    }
  }

  @Override
  public synchronized void onNext(Source source) {
    requireNonNull(source, "source");
    if (!isOver()) {
      arrived.add(source);
      notifyAll();
    }
  }

  @Override
  public synchronized void onError(Throwable thrown) {
    requireNonNull(thrown, "thrown");
    upstreamEnded = true;
    end(thrown);
  }

  @Override
  public synchronized void onComplete() {
    upstreamEnded = true;
    notifyAll();
  }

  private synchronized boolean isOver() {
    return cancelled || failure != null;
  }

  private void fail(Throwable thrown) {
    end(thrown);
    tellUpstream();
  }

  private synchronized void end(Throwable thrown) {
    if (failure == null) {
      failure = thrown;
    }
    end();
  }

  private void cancel() {
    synchronized (this) {
      cancelled = true;
      end();
    }
    tellUpstream();
  }

  private synchronized void end() {
    arrived.clear();
    uncancelled = true;
    if (run != null) {
      run.stop();
    }
    notifyAll();
  }

  private void tellUpstream() {
    synchronized (this) {
      if (telling || upstream == null) {
        return;
      }
      telling = true;
    }
    while (true) {
      long requested;
      boolean cancel;
      synchronized (this) {
        requested = unrequested;
        cancel = uncancelled;
        unrequested = 0;
        uncancelled = false;
        if (upstreamEnded || (requested == 0 && !cancel)) {
          telling = false;
          return;
        }
        upstreamEnded = cancel;
      }
      try {
        if (cancel) {
          upstream.cancel();
        } else {
          upstream.request(requested);
        }
      } catch (RuntimeException | Error e) {
        // It may throw neither way (3.15, 3.16). One that cannot be asked is cancelled next.
        if (cancel) {
          report(e);
        } else {
          end(e);
        }
      }
    }
  }

  // The run's reading threads

  /** The run's sources, for each of which the upstream is asked for another. */
  private final class Arrivals implements Iterator<Source> {
    @Override
    public boolean hasNext() {
      return awaitArrival();
    }

    @Override
    public Source next() {
      if (!awaitArrival()) {
        throw new NoSuchElementException("the upstream has ended");
      }
      Source source;
      synchronized (PipelineProcessor.this) {
        source = arrived.remove();
        unrequested++;
      }
      tellUpstream();
      return source;
    }
  }

  /** Waits for a source; false if none will come, or the run ends. */
  private synchronized boolean awaitArrival() {
    try {
      while (arrived.isEmpty() && !upstreamEnded && !isOver()) {
        wait();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return !arrived.isEmpty();
  }

  // The subscriber's side

  @Override
  public void subscribe(Flow.Subscriber<? super Explained> subscriber) {
    requireNonNull(subscriber, "subscriber");
    boolean first;
    synchronized (this) {
      first = run == null;
      if (first) {
        run = pipeline.start(Arrivals::new);
        if (failure != null) {
          run.stop();
        }
      }
    }
    if (first) {
      Thread thread = new Thread(() -> publishTo(subscriber), "scorecam-publish");
      thread.setDaemon(true);
      thread.start();
    } else {
      subscriber.onSubscribe(Refused.SUBSCRIPTION);
      subscriber.onError(
          new IllegalStateException(
              "a pipeline's processor has one subscriber; make another with Pipeline.processor()"));
    }
  }

  /** What the first subscriber holds. */
  private final class Demand implements Flow.Subscription {
    @Override
    public void request(long n) {
      if (n < 1) {
        fail(new IllegalArgumentException("at least 1 must be requested, not " + n + " (3.9)"));
        return;
      }
      synchronized (PipelineProcessor.this) {
        demand = demand + n < 0 ? Long.MAX_VALUE : demand + n;
        PipelineProcessor.this.notifyAll();
      }
    }

    @Override
    public void cancel() {
      PipelineProcessor.this.cancel();
    }
  }

  /** What every other one holds. */
  private enum Refused implements Flow.Subscription {
    SUBSCRIPTION;

    @Override
    public void request(long n) {}

    @Override
    public void cancel() {}
  }

  /** Sends the subscriber all its signals, on a thread of its own. */
  private void publishTo(Flow.Subscriber<? super Explained> subscriber) {
    try (PipelineRun results = run) {
      tell(() -> subscriber.onSubscribe(new Demand()));
      while (results.hasNext() && awaitDemand()) {
        Explained explained = results.next();
        if (!meetDemand() || !tell(() -> subscriber.onNext(explained))) {
          explained.close();
        }
      }
    } catch (RuntimeException | Error e) {
      // Where the end is known already, that the run is closed.
      fail(e);
    }
    // The last signal comes when the run's threads have ended.
    Throwable thrown;
    synchronized (this) {
      if (cancelled) {
        return;
      }
      thrown = failure;
    }
    if (thrown == null) {
      tell(subscriber::onComplete);
    } else {
      tell(() -> subscriber.onError(thrown));
    }
  }

  /** Waits until a result may be published; false if none may be any more. */
  private synchronized boolean awaitDemand() {
    while (demand == 0 && !isOver()) {
      try {
        wait();
      } catch (InterruptedException e) {
        throw new IllegalStateException("the thread that publishes was interrupted", e);
      }
    }
    return !isOver();
  }

  private synchronized boolean meetDemand() {
    if (isOver()) {
      return false;
    }
    if (demand < Long.MAX_VALUE) {
      demand--;
    }
    return true;
  }

  /** Whether the subscriber took the signal; one that throws is one that cancels (2.13). */
  private boolean tell(Runnable signal) {
    try {
      signal.run();
      return true;
    } catch (RuntimeException | Error e) {
      cancel();
      report(e);
      return false;
    }
  }

  /** Says what was thrown where nobody is left to be told. */
  private static void report(Throwable thrown) {
    Thread thread = Thread.currentThread();
    thread.getUncaughtExceptionHandler().uncaughtException(thread, thrown);
  }
}
