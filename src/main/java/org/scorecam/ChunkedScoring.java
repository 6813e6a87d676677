package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.NativeScope;

/**
 * Runs the masked inputs of explanations through the scorer, one chunk after the other.
 *
 * <p>Explanations follow each other without gaps, so that a chunk may hold the last masked inputs
 * of one image and the first of the next. All chunks have the same shape, since oneDNN and cuDNN
 * plan anew for each; what is left of the last one is scored and not looked at.
 */
final class ChunkedScoring {
  private final List<Explanation> explanations;
  private final Scorer scorer;
  private final ProgressListener progress;
  private final long total;

  /** The next pass to write, and the next to read: an explanation and a pass of it. */
  private final Position writing = new Position();

  private final Position reading = new Position();

  private static final class Position {
    int explanation;
    int pass;
  }

  /** What is done with a range of passes that stands in a range of a chunk's rows. */
  private interface Range {
    void visit(Explanation explanation, int firstPass, int count, int firstRow);
  }

  ChunkedScoring(List<Explanation> explanations, Scorer scorer, ProgressListener progress) {
    this.explanations = explanations;
    this.scorer = scorer;
    this.progress = progress;
    this.total = totalPasses(explanations);
  }

  static long totalPasses(List<Explanation> explanations) {
    return explanations.stream().mapToLong(Explanation::passes).sum();
  }

  /** The rows of each chunk: at most the limit, spread so that the last chunk is nearly full. */
  static long rowsPerChunk(long passes, long limit) {
    long chunks = (passes + limit - 1) / limit;
    return (passes + chunks - 1) / chunks;
  }

  /** Scores everything. */
  void run(Tensor chunk) {
    int rows = (int) chunk.size(0);
    for (long scored = 0; scored < total; scored = Math.min(total, scored + rows)) {
      int filled = (int) Math.min(rows, total - scored);
      Stage.Masks masksStage = new Stage.Masks(filled);
      forEachRange(
          writing,
          filled,
          (explanation, firstPass, count, firstRow) -> {
            try (NativeScope scope = NativeScope.open()) {
              explanation.writeMaskedInputs(firstPass, count, chunk.narrow(0, firstRow, count));
            }
          });
      masksStage.commit();
      Stage.Network networkStage = new Stage.Network(rows, filled);
      try (ModelOutput output = scorer.score(chunk)) {
        networkStage.commit();
        Stage.Scores scoresStage = new Stage.Scores(filled);
        forEachRange(
            reading,
            filled,
            (explanation, firstPass, count, firstRow) ->
                explanation.readScores(output, firstPass, count, firstRow));
        scoresStage.commit();
      }
      progress.onProgress(scored + filled, total);
    }
  }

  private void forEachRange(Position position, int rows, Range range) {
    int row = 0;
    while (row < rows) {
      Explanation explanation = explanations.get(position.explanation);
      int count = Math.min(rows - row, explanation.passes() - position.pass);
      if (count > 0) {
        range.visit(explanation, position.pass, count, row);
      }
      row += count;
      position.pass += count;
      if (position.pass == explanation.passes()) {
        position.explanation++;
        position.pass = 0;
      }
    }
  }
}
