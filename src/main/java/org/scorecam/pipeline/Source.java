package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.scorecam.image.Picture;

/**
 * Where a picture comes from.
 *
 * @param name what it is called in results and messages
 * @param reader gets the picture, once, on a reading thread; what it throws is that picture's
 *     failure
 */
public record Source(String name, Supplier<Picture> reader) {
  /**
   * Checks that there are both.
   *
   * @param name what it is called
   * @param reader gets the picture
   */
  public Source {
    requireNonNull(name, "name");
    requireNonNull(reader, "reader");
  }

  /**
   * A file of any format that {@link Picture} reads.
   *
   * @param file its path, which is its name
   * @return the source
   */
  public static Source of(Path file) {
    requireNonNull(file, "file");
    return new Source(file.toString(), () -> Picture.read(file));
  }

  /**
   * The same source, but a thread of its own begins to read it at once: for the first picture of a
   * run whose network is still to be loaded.
   *
   * @return a source whose reader waits for that thread, and throws what it met with
   */
  public Source readAhead() {
    FutureTask<Picture> reading = new FutureTask<>(this::readAtOnce);
    Thread thread = new Thread(reading, "scorecam-read-ahead");
    thread.setDaemon(true);
    thread.start();
    // Not kept for longer than until it is asked for.
    AtomicReference<FutureTask<Picture>> once = new AtomicReference<>(reading);
    return new Source(name, () -> resultOf(once.getAndSet(null)));
  }

  private Picture readAtOnce() {
    PipelineStage.ReadAhead stage = new PipelineStage.ReadAhead(name);
    try {
      return read();
    } finally {
      stage.commit();
    }
  }

  private Picture resultOf(FutureTask<Picture> reading) {
    try {
      return reading.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw (RuntimeException) e.getCause();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while " + name + " was being read");
    }
  }

  /** Gets the picture, once. */
  Picture read() {
    return requireNonNull(
        reader.get(), () -> "the picture that the reader of " + name + " returned");
  }
}
