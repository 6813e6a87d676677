package org.scorecam;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/**
 * Runs the masked inputs of explanations through the scorer, one chunk after the other.
 *
 * <p>Explanations follow each other without gaps, so that a chunk may hold the last masked inputs
 * of one image and the first of the next. All chunks have the same shape, since oneDNN and cuDNN
 * plan anew for each; what is left of the last one is scored and not looked at.
 *
 * <p>Where a chunk does not fit the memory, the same masked inputs are tried again in chunks of
 * half the rows; what was scored before stays scored.
 */
final class ChunkedScoring {
  private final List<Explanation> explanations;
  private final Scorer scorer;
  private final Device device;
  private final ChunkPool chunks;
  private final ProgressListener progress;
  private final long total;

  private long scored;

  /** The next pass to score: an explanation and a pass of it. */
  private int nextExplanation;

  private int nextPass;

  /** Passes of one explanation that stand in a chunk's rows one after the other. */
  private record Part(Explanation explanation, int firstPass, int count, int firstRow) {}

  ChunkedScoring(
      List<Explanation> explanations,
      Scorer scorer,
      Device device,
      ChunkPool chunks,
      ProgressListener progress) {
    this.explanations = explanations;
    this.scorer = scorer;
    this.device = device;
    this.chunks = chunks;
    this.progress = progress;
    this.total = explanations.stream().mapToLong(Explanation::passes).sum();
  }

  /**
   * Scores everything.
   *
   * @param shape of the chunks, [rows, C, H, W]
   * @return the rows that it was done with in the end: fewer where so many did not fit
   * @throws NativeMemoryException if not even a chunk of one row fits
   */
  long run(long[] shape) {
    long[] fitting = shape.clone();
    while (scored < total) {
      try {
        runChunks(fitting);
      } catch (RuntimeException e) {
        if (!NativeErrors.isOutOfMemory(e)) {
          throw e;
        }
        chunks.clear();
        DeviceMemory.of(device).releaseKept();
        if (fitting[0] == 1) {
          throw tooLarge(fitting, e);
        }
        fitting[0] /= 2;
      }
    }
    return fitting[0];
  }

  private void runChunks(long[] shape) {
    Tensor chunk = chunks.take(shape, scorer, device);
    try {
      while (scored < total) {
        List<Part> parts = nextParts((int) shape[0]);
        score(chunk, parts);
        advance(parts);
        progress.onProgress(scored, total);
      }
    } catch (RuntimeException | Error e) {
      chunk.close();
      throw e;
    }
    chunks.giveBack(chunk);
  }

  private void score(Tensor chunk, List<Part> parts) {
    int filled = parts.stream().mapToInt(Part::count).sum();
    Stage.Masks masksStage = new Stage.Masks(filled);
    for (Part part : parts) {
      try (NativeScope scope = NativeScope.open()) {
        Tensor rows = chunk.narrow(0, part.firstRow, part.count);
        part.explanation.writeMaskedInputs(part.firstPass, part.count, rows);
      }
    }
    masksStage.commit();
    Stage.Network networkStage = new Stage.Network((int) chunk.size(0), filled);
    try (ModelOutput output = scorer.score(chunk)) {
      networkStage.commit();
      Stage.Scores scoresStage = new Stage.Scores(filled);
      for (Part part : parts) {
        part.explanation.readScores(output, part.firstPass, part.count, part.firstRow);
      }
      scoresStage.commit();
    }
  }

  private List<Part> nextParts(int rows) {
    List<Part> parts = new ArrayList<>();
    int row = 0;
    int pass = nextPass;
    for (int e = nextExplanation; e < explanations.size() && row < rows; e++) {
      Explanation explanation = explanations.get(e);
      int count = Math.min(rows - row, explanation.passes() - pass);
      if (count > 0) {
        parts.add(new Part(explanation, pass, count, row));
      }
      row += count;
      pass = 0;
    }
    return parts;
  }

  private void advance(List<Part> parts) {
    Part last = parts.get(parts.size() - 1);
    nextExplanation = explanations.indexOf(last.explanation);
    nextPass = last.firstPass + last.count;
    scored += last.firstRow + last.count;
  }

  private NativeMemoryException tooLarge(long[] shape, RuntimeException cause) {
    return new NativeMemoryException(
        "not even a chunk of one masked input, of shape %s, fits the memory of %s (%s): %s"
            .formatted(
                Arrays.toString(shape),
                device,
                DeviceMemory.of(device).available().isPresent()
                    ? "%d MiB available"
                        .formatted(DeviceMemory.of(device).available().getAsLong() >> 20)
                    : "available memory unknown",
                NativeErrors.messageOf(cause)),
        cause);
  }
}
