package org.scorecam.pipeline;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Flow;
import java.util.function.Function;
import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.IdentityFlowProcessorVerification;
import org.scorecam.image.Picture;

/**
 * What Reactive Streams asks of a processor, asked of a pipeline's. The rules know processors whose
 * two ends have one type: here numbers, which become pictures of that name before the processor and
 * numbers again behind it.
 */
public final class ReactiveStreamsRules extends IdentityFlowProcessorVerification<Integer> {
  private static final long TIMEOUT = 3000;
  private static final long NO_SIGNAL = 100;

  private final Function<Integer, Pipeline> ofQueue;
  private final ExecutorService threads;

  /** Of all subscribers, since the rules leave some of them waiting. */
  private final Queue<Flow.Subscription> subscriptions = new ConcurrentLinkedQueue<>();

  /**
   * Asks about one kind of pipeline.
   *
   * @param ofQueue makes it with a queue of a size
   * @param threads for the upstream that the rules bring
   */
  ReactiveStreamsRules(Function<Integer, Pipeline> ofQueue, ExecutorService threads) {
    super(new TestEnvironment(TIMEOUT, NO_SIGNAL), TIMEOUT);
    this.ofQueue = ofQueue;
    this.threads = threads;
  }

  /** Cancels what a rule did not bring to an end. */
  void cancelAll() {
    subscriptions.forEach(Flow.Subscription::cancel);
  }

  @Override
  protected Flow.Processor<Integer, Integer> createIdentityFlowProcessor(int queue) {
    return new OfNumbers(ofQueue.apply(queue).processor(), subscriptions);
  }

  @Override
  protected Flow.Publisher<Integer> createFailedFlowPublisher() {
    Flow.Processor<Integer, Integer> failed = createIdentityFlowProcessor(1);
    failed.onError(new IllegalStateException("failed before anyone subscribed"));
    return failed;
  }

  @Override
  public ExecutorService publisherExecutorService() {
    return threads;
  }

  @Override
  public Integer createElement(int element) {
    return element;
  }

  @Override
  public long maxSupportedSubscribers() {
    return 1;
  }

  private record OfNumbers(
      Flow.Processor<Source, Explained> processor, Queue<Flow.Subscription> subscriptions)
      implements Flow.Processor<Integer, Integer> {
    @Override
    public void onSubscribe(Flow.Subscription subscription) {
      processor.onSubscribe(subscription);
    }

    @Override
    public void onNext(Integer number) {
      processor.onNext(
          number == null
              ? null
              : new Source(number.toString(), () -> Picture.of(16, 16, new byte[3 * 16 * 16])));
    }

    @Override
    public void onError(Throwable thrown) {
      processor.onError(thrown);
    }

    @Override
    public void onComplete() {
      processor.onComplete();
    }

    @Override
    public void subscribe(Flow.Subscriber<? super Integer> subscriber) {
      processor.subscribe(subscriber == null ? null : new NumbersOf(subscriber, subscriptions));
    }
  }

  private record NumbersOf(
      Flow.Subscriber<? super Integer> subscriber, Queue<Flow.Subscription> subscriptions)
      implements Flow.Subscriber<Explained> {
    @Override
    public void onSubscribe(Flow.Subscription subscription) {
      subscriptions.add(subscription);
      subscriber.onSubscribe(subscription);
    }

    @Override
    public void onNext(Explained explained) {
      try (explained) {
        explained.saliency();
        subscriber.onNext(Integer.valueOf(explained.name()));
      }
    }

    @Override
    public void onError(Throwable thrown) {
      subscriber.onError(thrown);
    }

    @Override
    public void onComplete() {
      subscriber.onComplete();
    }
  }
}
