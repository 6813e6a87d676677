package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Saliency;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.OverloadException;
import org.scorecam.image.Preprocessing;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Explains pictures as they are asked for, by any number of threads, until it is closed.
 *
 * <pre>{@code
 * try (SaliencyService service = pipeline.serve()) {
 *   service.explain(Source.of(file), Target.ofClass(281))
 *       .thenAcceptAsync(saliency -> {
 *         try (saliency) { … }
 *       });
 * }
 * }</pre>
 *
 * <p>Pictures with inputs of one shape that arrive within {@link Pipeline.Builder#window} are
 * scored together, up to {@link org.scorecam.Explainer#inputsPerGroup}, whatever their targets. No
 * call waits for anything but the copy of a tensor or an array: above {@link
 * Pipeline.Builder#queue} pictures that wait, it throws.
 *
 * <p>A future holds a map, fused where there are several target layers, or a list with one for each
 * target; whoever takes it closes it. What is wrong with a picture completes its own future
 * exceptionally and no other: what {@link org.scorecam.Explainer#explain(Tensor, Target)} throws,
 * or what the source's reader threw. Whoever gives up waiting should cancel the future (itself, not
 * one that depends on it): then the map is not made, or freed. That of a future that is dropped
 * instead waits for the garbage collector.
 *
 * <p>What depends on a future without {@code Async} runs on the thread that scores, which meanwhile
 * scores nothing.
 */
public final class SaliencyService extends PipelineEngine implements AutoCloseable {
  /** While one's maps are captured or made, the other keeps the workers busy. */
  private static final int GROUPS = 2;

  private final List<Target> usual;
  private final long window;
  private final int mostWaiting;

  /** Tensors and arrays, which have no names. */
  private final AtomicLong unnamed = new AtomicLong();

  /** Accepted and not taken by a reading thread; under this object's lock. */
  private final Deque<Request<?>> unread = new ArrayDeque<>();

  SaliencyService(Pipeline pipeline) {
    super(pipeline, GROUPS);
    this.usual = pipeline.targets.subList(0, 1);
    this.window = pipeline.window.toNanos();
    this.mostWaiting = pipeline.mostWaiting;
    startThreads();
  }

  /** A picture and the future of what it holds. */
  private static final class Request<T> extends PipelineJob {
    private final Function<Preprocessing, Tensor> input;
    private final Function<List<Saliency>, T> held;
    private final CompletableFuture<T> future = new CompletableFuture<>();

    private Request(
        String name,
        Function<Preprocessing, Tensor> input,
        List<Target> targets,
        Function<List<Saliency>, T> held) {
      super(name, targets);
      this.input = input;
      this.held = held;
    }

    @Override
    Tensor makeInput(Preprocessing preprocessing) {
      return input.apply(preprocessing);
    }

    @Override
    void succeed(List<Saliency> saliencies, double seconds) {
      if (!future.complete(held.apply(saliencies))) {
        saliencies.forEach(Saliency::close);
      }
    }

    @Override
    void fail(Throwable thrown) {
      future.completeExceptionally(thrown);
    }

    @Override
    boolean isWanted() {
      return !future.isDone();
    }
  }

  /**
   * Asks for a picture's map, for the pipeline's target, or the first of several.
   *
   * @param source is read by a thread of the service
   * @return the map's future
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<Saliency> explain(Source source) {
    return accept(source, usual, SaliencyService::only);
  }

  /**
   * Asks for a picture's map.
   *
   * @param source is read by a thread of the service
   * @param target what is explained, instead of the pipeline's
   * @return the map's future
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<Saliency> explain(Source source, Target target) {
    return accept(source, List.of(requireNonNull(target, "target")), SaliencyService::only);
  }

  /**
   * Asks for a picture's maps for several targets, which share its passes.
   *
   * @param source is read by a thread of the service
   * @param targets one or more, instead of the pipeline's
   * @return the future of a map for each target in their order
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<List<Saliency>> explain(Source source, List<Target> targets) {
    return accept(source, copyOf(targets), maps -> maps);
  }

  /**
   * Asks for a tensor's map.
   *
   * @param input floating-point numbers [1, C, H, W] on any device, preprocessed as the network
   *     wants them; [C, H, W] as well where C is more than 1. Of networks for series and volumes
   *     [1, C, L] and [1, C, D, H, W]. It is copied before this returns, and stays the caller's
   * @param target what is explained, instead of the pipeline's
   * @return the map's future
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<Saliency> explain(Tensor input, Target target) {
    requireNonNull(input, "input");
    return acceptInput(
        () -> copyOf(input), List.of(requireNonNull(target, "target")), SaliencyService::only);
  }

  /**
   * Asks for a tensor's maps for several targets, which share its passes.
   *
   * @param input as for {@link #explain(Tensor, Target)}
   * @param targets one or more, instead of the pipeline's
   * @return the future of a map for each target in their order
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<List<Saliency>> explain(Tensor input, List<Target> targets) {
    requireNonNull(input, "input");
    return acceptInput(() -> copyOf(input), copyOf(targets), maps -> maps);
  }

  /**
   * Asks for the map of a picture with its channels last.
   *
   * @param image H×W×C values, preprocessed as the network wants them; copied before this returns
   * @param target what is explained, instead of the pipeline's
   * @return the map's future
   * @throws OverloadException if too many pictures wait already
   * @throws IllegalStateException if the service is closed
   */
  public CompletableFuture<Saliency> explain(float[][][] image, Target target) {
    requireNonNull(image, "image");
    return acceptInput(
        () -> Tensors.ofImage(image),
        List.of(requireNonNull(target, "target")),
        SaliencyService::only);
  }

  /**
   * How many pictures are waiting, of which {@link Pipeline.Builder#queue} is the limit.
   *
   * @return those that were accepted and are not being scored yet
   */
  @Override
  public int waiting() {
    return super.waiting();
  }

  private static Saliency only(List<Saliency> saliencies) {
    return saliencies.get(0);
  }

  private static List<Target> copyOf(List<Target> targets) {
    requireNonNull(targets, "targets").forEach(target -> requireNonNull(target, "a target"));
    return List.copyOf(targets);
  }

  private static Tensor copyOf(Tensor input) {
    try (NativeScope scope = NativeScope.open()) {
      if (!input.is_floating_point()) {
        throw new InputException(
            "inputs must be floating-point numbers, not " + input.scalar_type().toString());
      }
      Tensor batch = input.dim() == 3 && input.size(0) != 1 ? input.unsqueeze(0) : input;
      if (batch.dim() == 0 || batch.size(0) != 1) {
        throw new InputException(
            "one input must have the shape [1, C, H, W] or [C, H, W], not %s; a service takes them one by one"
                .formatted(Tensors.shapeOf(input)));
      }
      return scope.keep(
          NativeErrors.translateNative(
              batch::clone,
              (words, e) -> new InputException("the input cannot be copied: " + words, e)));
    }
  }

  // The callers' threads

  private <T> CompletableFuture<T> accept(
      Source source, List<Target> targets, Function<List<Saliency>, T> held) {
    requireNonNull(source, "source");
    Request<T> request =
        new Request<>(
            source.name(), preprocessing -> preprocessing.apply(source.read()), targets, held);
    synchronized (this) {
      admit(request);
      unread.add(request);
    }
    return watched(request);
  }

  private <T> CompletableFuture<T> acceptInput(
      Supplier<Tensor> input, List<Target> targets, Function<List<Saliency>, T> held) {
    String name = "input " + unnamed.getAndIncrement();
    Request<T> request = new Request<>(name, preprocessing -> input.get(), targets, held);
    admit(request);
    read(request);
    return watched(request);
  }

  private synchronized void admit(Request<?> request) {
    if (haveSourcesEnded() || isStopped()) {
      throw new IllegalStateException("this service is closed");
    }
    int waiting = waiting();
    if (waiting >= mostWaiting) {
      throw new OverloadException(
          ("%s is refused: %d pictures wait already, and %d may; ask again later, or set another limit with"
                  + " Pipeline.Builder.queue")
              .formatted(request.name(), waiting, mostWaiting));
    }
    expect(request);
  }

  /** The future, which may be cancelled from now on. */
  private <T> CompletableFuture<T> watched(Request<T> request) {
    var unused = request.future.whenComplete((held, thrown) -> forget(request));
    return request.future;
  }

  private synchronized void forget(Request<?> request) {
    withdraw(request, unread.remove(request));
  }

  // The engine's threads

  @Override
  synchronized PipelineJob awaitNext() throws InterruptedException {
    while (unread.isEmpty() && !haveSourcesEnded() && !isStopped()) {
      wait();
    }
    return isStopped() ? null : unread.poll();
  }

  @Override
  long patience(PipelineJob first) {
    boolean isLast = haveSourcesEnded() && !areMoreComing();
    return isLast ? 0 : window - first.nanosecondsReady();
  }

  @Override
  boolean isEndedBy(Throwable thrown) {
    return false;
  }

  @Override
  void breakOff(Throwable thrown) {
    stop();
    allWaiting().forEach(job -> job.fail(thrown));
  }

  // The end

  /**
   * Accepts no more pictures, and waits until those that it has are explained and their futures
   * completed. Where a dependent of a future calls it on the service's own thread, it does not
   * wait. If this thread is interrupted, which it stays, the rest is given up as by {@link
   * #closeNow}. Closing again does nothing.
   */
  @Override
  public void close() {
    endSources();
    if (isOwnThread()) {
      return;
    }
    try {
      awaitThreads();
    } catch (InterruptedException e) {
      closeNow();
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Accepts no more pictures, cancels the futures of those that wait, and waits for those that are
   * being scored, whose futures are completed. It may be called while another thread closes.
   */
  public void closeNow() {
    breakOff(new CancellationException("the service was closed before this picture was scored"));
    endThreads();
  }
}
