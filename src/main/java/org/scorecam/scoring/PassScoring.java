package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
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
 * <p>Where a chunk does not fit the memory, the same masked inputs are tried again in chunks of
 * half the rows; what was scored before stays scored.
 *
 * <p>Safe for several threads.
 */
public final class PassScoring implements AutoCloseable {
  private final Device device;
  private final ScoringChoice choice;
  private final BiConsumer<Long, Long> progress;
  private final ChunkPool chunks = new ChunkPool();
  private volatile boolean closed;

  /**
   * Prepares nothing yet.
   *
   * @param model the network; must stay open
   * @param precision what to compute with; nothing for the fastest that holds
   * @param rows of a chunk; 0 for as many as are fastest
   * @param memory bytes that a chunk may take with the network's activations; if nothing is said, a
   *     quarter of what is available now
   * @param progress is told after each chunk how many masked inputs of how many are scored
   */
  public PassScoring(
      HookedModel model,
      Optional<Precision> precision,
      long rows,
      OptionalLong memory,
      BiConsumer<Long, Long> progress) {
    this.device = model.device();
    this.choice = new ScoringChoice(model, precision, rows, memory);
    this.progress = progress;
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
    return choice.plan(choice.known(shape), shape, passes);
  }

  /**
   * Scores masked inputs.
   *
   * @param inputs the sources, whose scores are kept by them
   * @param shape of one input, the same for all
   * @param passes of them all, if none shared one with another; so that plans are the same for
   *     inputs of one size
   * @return the chunks that it was done with in the end
   * @throws NativeMemoryException if not even a chunk of one row fits
   * @throws PrecisionException if a reduced precision was chosen and does not hold
   * @throws InputException if the network cannot run a masked input
   */
  public ChunkPlan score(List<? extends MaskedInputs> inputs, InputShape shape, long passes) {
    requireOpen();
    Optional<? extends MaskedInputs> sample =
        inputs.stream().filter(source -> source.passes() > 0).findFirst();
    ScoringChoice.Decision decision =
        sample.isPresent() ? choice.decide(sample.get(), shape) : choice.known(shape);
    ChunkPlan plan = choice.plan(decision, shape, Math.max(1, passes));
    return plan.reducedTo(new Run(inputs, decision, shape).inChunksOf(plan.rows()));
  }

  /**
   * Plans chunks for so many passes, and runs a black one, of fewer rows where it does not fit.
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
    while (true) {
      ChunkPlan plan = choice.plan(decision, shape, passes);
      try {
        runBlackChunk(choice.scorer(decision, shape), shape.batchOf(plan.rows()));
        return plan;
      } catch (NativeMemoryException e) {
        if (plan.rows() == 1) {
          throw e;
        }
        choice.tooMany(decision, shape, plan.rows());
      }
    }
  }

  private void runBlackChunk(Scorer scorer, long[] shape) {
    Tensor chunk = chunks.take(shape, scorer, device);
    try (NativeScope scope = NativeScope.open()) {
      scorer.score(chunk.zero_()).close();
    } catch (RuntimeException | Error e) {
      chunk.close();
      throw e;
    }
    giveBack(chunk);
  }

  private void giveBack(Tensor chunk) {
    // Whoever takes it next may use another stream.
    DeviceMemory.of(device).finishWork();
    chunks.giveBack(chunk);
  }

  /**
   * Makes sure that this is open.
   *
   * @throws IllegalStateException if it is closed
   */
  public void requireOpen() {
    if (closed) {
      throw new IllegalStateException("this ScoreCam is closed");
    }
  }

  /** Frees the chunks. The model stays open. Closing again does nothing. */
  @Override
  public void close() {
    closed = true;
    chunks.close();
  }

  /** One call of {@link #score}: where it stands. */
  private final class Run {
    private final List<? extends MaskedInputs> inputs;
    private final ScoringChoice.Decision decision;
    private final InputShape shape;
    private final Scorer scorer;
    private final long total;
    private long scored;

    /** The next pass to score: of which source, and its number there. */
    private int nextSource;

    private int nextPass;

    /** Passes of one source that stand in a chunk's rows one after the other. */
    private record Part(int source, int firstPass, int count, int firstRow) {}

    private Run(
        List<? extends MaskedInputs> inputs, ScoringChoice.Decision decision, InputShape shape) {
      this.inputs = inputs;
      this.decision = decision;
      this.shape = shape;
      this.scorer = choice.scorer(decision, shape);
      this.total = inputs.stream().mapToLong(MaskedInputs::passes).sum();
    }

    /** Scores everything; the rows that it was done with in the end. */
    private long inChunksOf(long most) {
      long rows = most;
      while (scored < total) {
        try {
          scoreChunks(rows);
        } catch (RuntimeException e) {
          if (!NativeErrors.isOutOfMemory(e)) {
            throw e;
          }
          chunks.clear();
          DeviceMemory.of(device).releaseKept();
          choice.tooMany(decision, shape, rows);
          if (rows == 1) {
            // What may also have another reason keeps its own words.
            boolean otherReason =
                e instanceof ScoreCamException && !(e instanceof NativeMemoryException);
            throw otherReason ? e : tooLarge(e);
          }
          rows /= 2;
        }
      }
      return rows;
    }

    private void scoreChunks(long rows) {
      Tensor chunk = chunks.take(shape.batchOf(rows), scorer, device);
      try {
        while (scored < total) {
          List<Part> parts = nextParts((int) rows);
          score(chunk, parts);
          Part last = parts.get(parts.size() - 1);
          nextSource = last.source;
          nextPass = last.firstPass + last.count;
          scored += last.firstRow + last.count;
          progress.accept(scored, total);
        }
      } catch (RuntimeException | Error e) {
        chunk.close();
        throw e;
      }
      giveBack(chunk);
    }

    private List<Part> nextParts(int rows) {
      List<Part> parts = new ArrayList<>();
      int row = 0;
      int pass = nextPass;
      for (int source = nextSource; source < inputs.size() && row < rows; source++) {
        int count = Math.min(rows - row, inputs.get(source).passes() - pass);
        if (count > 0) {
          parts.add(new Part(source, pass, count, row));
        }
        row += count;
        pass = 0;
      }
      return parts;
    }

    private void score(Tensor chunk, List<Part> parts) {
      int filled = parts.stream().mapToInt(Part::count).sum();
      ChunkStage.Masks masksStage = new ChunkStage.Masks(filled);
      for (Part part : parts) {
        try (NativeScope scope = NativeScope.open()) {
          Tensor rows = chunk.narrow(0, part.firstRow, part.count);
          inputs.get(part.source).write(part.firstPass, part.count, rows);
        }
      }
      masksStage.commit();
      ChunkStage.Network networkStage = new ChunkStage.Network((int) chunk.size(0), filled);
      try (ModelOutput output = scorer.score(chunk)) {
        networkStage.commit();
        ChunkStage.Scores scoresStage = new ChunkStage.Scores(filled);
        for (Part part : parts) {
          try (NativeScope scope = NativeScope.open()) {
            MaskedInputs source = inputs.get(part.source);
            source.keep(part.firstPass, source.scoresOf(output, part.firstRow, part.count));
          }
        }
        scoresStage.commit();
      }
    }

    private NativeMemoryException tooLarge(RuntimeException cause) {
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
  }
}
