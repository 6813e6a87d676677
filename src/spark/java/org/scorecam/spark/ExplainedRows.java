package org.scorecam.spark;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema;
import org.apache.spark.sql.types.StructType;
import org.scorecam.Explainer;
import org.scorecam.image.Preprocessing;
import org.scorecam.pipeline.Explained;
import org.scorecam.pipeline.Pipeline;
import org.scorecam.pipeline.PipelineRun;
import org.scorecam.pipeline.Source;

/**
 * A partition's rows, each with what became of its picture. They flow: a few are on their way at a
 * time.
 *
 * <p>Rows are taken from the partition by the thread that takes these from here, the task's, since
 * Spark's iterators look to it for their task; only pictures go to the pipeline's threads.
 */
final class ExplainedRows implements Iterator<Row>, AutoCloseable {
  /** Pictures that are read ahead, beside those that are scored together. */
  private static final int QUEUE = 4;

  private final Iterator<Row> rows;
  private final StructType columns;
  private final RowPictures pictures;
  private final SaliencyColumn column;
  private final List<? extends Explainer> explainers;
  private final PipelineRun run;

  /** Those whose results are still to be taken, in order. */
  private final Deque<Row> underway = new ArrayDeque<>();

  private final Handover handover = new Handover();
  private boolean ended;

  /**
   * Starts.
   *
   * @param explainers one for each device; they must stay open until this is closed
   */
  ExplainedRows(
      Iterator<Row> rows,
      PictureSettings settings,
      RowPictures pictures,
      List<? extends Explainer> explainers,
      int readers) {
    this.rows = rows;
    this.columns = settings.rows();
    this.pictures = pictures;
    this.explainers = explainers;
    Preprocessing preprocessing = settings.preprocessing();
    this.column = new SaliencyColumn(preprocessing, settings.overlay());
    this.run =
        Pipeline.on(explainers)
            .preprocessing(preprocessing)
            .target(settings.whatIsExplained())
            .readers(readers)
            .queue(QUEUE)
            .build()
            .start(() -> handover);
  }

  /** The sources as the pipeline's threads see them: they wait for the task's thread. */
  private static final class Handover implements Iterator<Source> {
    private final BlockingQueue<Optional<Source>> handed = new LinkedBlockingQueue<>();

    /** Null before it was asked for; empty at the end. */
    private Optional<Source> next;

    void add(Source source) {
      handed.add(Optional.of(source));
    }

    void end() {
      handed.add(Optional.empty());
    }

    @Override
    public boolean hasNext() {
      try {
        if (next == null) {
          next = handed.take();
        }
        return next.isPresent();
      } catch (InterruptedException e) {
        // The run is being closed.
        Thread.currentThread().interrupt();
        return false;
      }
    }

    @Override
    public Source next() {
      if (!hasNext()) {
        throw new NoSuchElementException("there are no more rows");
      }
      Source source = next.orElseThrow();
      next = null;
      return source;
    }
  }

  @Override
  public boolean hasNext() {
    handOver();
    return !underway.isEmpty();
  }

  @Override
  public Row next() {
    if (!hasNext()) {
      throw new NoSuchElementException("there are no more rows");
    }
    try (Explained explained = run.next()) {
      return append(underway.removeFirst(), column.of(explained));
    }
  }

  /** As many rows as keep the pipeline busy. */
  private void handOver() {
    while (!ended && underway.size() < mostUnderway()) {
      if (rows.hasNext()) {
        Row row = rows.next();
        handover.add(pictures.of(row));
        underway.addLast(row);
      } else {
        ended = true;
        handover.end();
      }
    }
  }

  /** While each explainer has a group and one waits to be taken, the next one is read. */
  private int mostUnderway() {
    int group = explainers.stream().mapToInt(Explainer::inputsPerGroup).max().orElseThrow();
    return group * (explainers.size() + 1) + QUEUE;
  }

  /** With names, since Spark may hand the row to the next function as it is. */
  private Row append(Row row, Row value) {
    Object[] values = new Object[row.size() + 1];
    for (int i = 0; i < row.size(); i++) {
      values[i] = row.get(i);
    }
    values[row.size()] = value;
    return new GenericRowWithSchema(values, columns);
  }

  /** Ends the pipeline, after the pictures that it is at. Closing again does nothing. */
  @Override
  public void close() {
    run.close();
  }
}
