package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.scorecam.error.DeviceException;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.CoreShare;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/**
 * Scores masked inputs with one network, in chunks.
 *
 * <p>Those of several images and layers follow each other without gaps, so that a chunk may hold
 * the last of one image and the first of the next. All chunks have the same shape, since oneDNN and
 * cuDNN plan anew for each; what is left of the last one is scored and not looked at.
 *
 * <p>On the CPU several chunks are scored beside each other by {@link Workers}, where there are
 * enough masked inputs for that. Where other processes have the cores as well, the last ones are
 * smaller than the others, unless their rows were given.
 *
 * <p>Where a chunk does not fit the memory, the same masked inputs are tried again in chunks of
 * half the rows; what was scored before stays scored.
 *
 * <p>Safe for several threads.
 */
public final class PassScoring implements AutoCloseable {
  private final Device device;
  private final ScoringChoice choice;
  private final ChunkRecorder recorder;
  private final ChunkPool chunks;
  private final Workers workers = Workers.ofTheProcess();
  private final int callers;
  private volatile boolean closed;

  /**
   * Prepares nothing yet.
   *
   * @param model the network; must stay open
   * @param precision what to compute with; nothing for the fastest that holds
   * @param settings how many masked inputs are scored at once, and in how much memory; later
   *     changes of it change nothing
   * @throws DeviceException if CUDA graphs are to be replayed and the network is on the CPU
   */
  public PassScoring(HookedModel model, Optional<Precision> precision, PassSettings<?> settings) {
    this(model, precision, settings, settings.recorder(model.device()));
  }

  /** The same with another recorder. */
  PassScoring(
      HookedModel model,
      Optional<Precision> precision,
      PassSettings<?> settings,
      Optional<Recorder> recorder) {
    this.recorder = new ChunkRecorder(recorder);
    this.chunks = new ChunkPool(this.recorder);
    this.device = model.device();
    this.callers = settings.callers();
    this.choice = new ScoringChoice(model, precision, settings);
    workers.join();
  }

  /**
   * What masked inputs of a shape go through, as far as its precision is decided.
   *
   * @param shape of one input
   * @return owned by the model
   * @throws InputException if the network cannot run such an input
   * @throws PrecisionException if the network or the device cannot compute with the precision
   */
  public Scorer scorer(InputShape shape) {
    requireOpen();
    return choice.scorer(choice.known(shape), shape);
  }

  /**
   * The chunks for so many passes, as far as the precision is decided.
   *
   * @param shape of one input
   * @param passes at least 1
   * @return how they will be scored unless memory gets short
   * @throws InputException as {@link #scorer}
   */
  public ChunkPlan plan(InputShape shape, long passes) {
    requireOpen();
    return choice.plan(choice.knownFor(passes, shape), shape, passes, 0);
  }

  /**
   * Scores masked inputs.
   *
   * @param inputs the sources, whose scores are kept by them
   * @param shape of one input, the same for all
   * @param passes of them all, if none shared one with another; so that plans are the same for
   *     inputs of one size
   * @param progress is told after each chunk how many masked inputs of how many are scored, by the
   *     thread that calls
   * @return the chunks that it was done with in the end
   * @throws NativeMemoryException if not even a chunk of one row fits
   * @throws PrecisionException if a reduced precision was chosen and does not hold
   * @throws InputException if the network cannot run a masked input
   */
  public ChunkPlan score(
      List<? extends MaskedInputs> inputs,
      InputShape shape,
      long passes,
      BiConsumer<Long, Long> progress) {
    requireOpen();
    Optional<? extends MaskedInputs> sample =
        inputs.stream().filter(source -> source.passes() > 0).findFirst();
    ScoringChoice.Decision decision =
        sample.isPresent()
            ? choice.decide(sample.get(), shape, passes)
            : choice.knownFor(passes, shape);
    ScoredRows rows = choice.rows(decision, inputs, shape);
    ChunkPlan plan = choice.plan(decision, shape, Math.max(1, passes), rows.bytes());
    // All wait for the last chunk, and a worker that has to share its core takes long for it.
    boolean given = plan.basis() == ChunkPlan.Basis.GIVEN;
    PassRun run = new PassRun(rows, () -> !given && CoreShare.isScarce());
    Runnable tell = () -> progress.accept((long) run.nextScored(), (long) run.total());
    while (run.left() > 0) {
      try {
        scoreChunks(run, tell, rows.scorer(), rows.shape().batchOf(plan.rows()), plan.workers());
      } catch (RuntimeException e) {
        plan = afterShortage(e, decision, shape, plan);
      }
    }
    ChunkPlan done = recorder.noting(plan);
    return rows.note().map(done::noting).orElse(done);
  }

  /**
   * What is tried after an exception, which is thrown unless memory was short and can be spared.
   */
  private ChunkPlan afterShortage(
      RuntimeException e, ScoringChoice.Decision decision, InputShape shape, ChunkPlan plan) {
    if (!NativeErrors.isOutOfMemory(e)) {
      throw e;
    }
    chunks.clear();
    DeviceMemory.of(device).releaseKept();
    choice.tooMany(decision, shape, plan.rows());
    if (plan.rows() > 1) {
      return plan.reducedTo(plan.rows() / 2, plan.workers());
    }
    if (plan.workers() > 1) {
      return plan.reducedTo(1, plan.workers() / 2);
    }
    // What may also have another reason keeps its own words.
    boolean otherReason = e instanceof ScoreCamException && !(e instanceof NativeMemoryException);
    throw otherReason ? e : tooLarge(shape, e);
  }

  private void scoreChunks(PassRun run, Runnable tell, Scorer scorer, long[] shape, int most) {
    // No more chunks than there is something for.
    int count = (int) Math.min(most, (run.left() + shape[0] - 1) / shape[0]);
    withChunks(
        scorer,
        shape,
        count,
        memory -> {
          run.use(memory);
          workers.run(count, callers, run, tell);
        });
  }

  private NativeMemoryException tooLarge(InputShape shape, RuntimeException cause) {
    OptionalLong available = DeviceMemory.of(device).available();
    return new NativeMemoryException(
        "not even a chunk of one masked input, of shape %s, fits into the memory of %s (%s): %s"
            .formatted(
                Arrays.toString(shape.batchOf(1)),
                device,
                available.isPresent()
                    ? "%d MiB available".formatted(available.getAsLong() >> 20)
                    : "available memory unknown",
                NativeErrors.messageOf(cause)),
        cause);
  }

  /**
   * Plans chunks for so many passes, and has each worker run a black one, of fewer rows where they
   * do not fit.
   *
   * @param shape of one input
   * @param passes at least 1
   * @return the plan
   * @throws NativeMemoryException if not even a chunk of one row fits
   * @throws InputException as {@link #scorer}
   */
  public ChunkPlan warmUp(InputShape shape, long passes) {
    requireOpen();
    ScoringChoice.Decision decision = choice.known(shape);
    ChunkPlan plan = choice.plan(decision, shape, passes, 0);
    while (true) {
      try {
        runBlackChunks(choice.scorer(decision, shape), shape, plan);
        return recorder.noting(plan);
      } catch (RuntimeException e) {
        plan = afterShortage(e, decision, shape, plan);
      }
    }
  }

  private void runBlackChunks(Scorer scorer, InputShape shape, ChunkPlan plan) {
    withChunks(
        scorer,
        shape.batchOf(plan.rows()),
        plan.workers(),
        memory -> {
          Queue<Chunk> black = new ConcurrentLinkedQueue<>(memory);
          workers.run(plan.workers(), 1, () -> runBlack(scorer, black.poll()), () -> {});
          DeviceMemory.of(device).finishWork();
        });
  }

  private static boolean runBlack(Scorer scorer, Chunk chunk) {
    if (chunk == null) {
      return false;
    }
    try (NativeScope scope = NativeScope.open()) {
      chunk.rows().zero_();
      chunk.score(scorer, output -> {});
    }
    return true;
  }

  /** Lends so many chunks; frees them if what is done with them fails. */
  private void withChunks(Scorer scorer, long[] shape, int count, Consumer<List<Chunk>> work) {
    long stream = DeviceMemory.of(device).stream();
    List<Chunk> memory = new ArrayList<>();
    try {
      while (memory.size() < count) {
        memory.add(chunks.take(shape, scorer, device, stream));
      }
      work.accept(memory);
    } catch (RuntimeException | Error e) {
      memory.forEach(Chunk::close);
      throw e;
    }
    memory.forEach(chunks::giveBack);
  }

  /**
   * Makes sure that this is open.
   *
   * @throws IllegalStateException if it is closed
   */
  public void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the explainer is closed");
    }
  }

  /**
   * Frees the chunks and gives up the workers. The model stays open. Closing again does nothing.
   */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      workers.leave();
    }
    chunks.close();
  }
}
