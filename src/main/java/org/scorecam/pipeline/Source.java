package org.scorecam.pipeline;

import static java.util.Objects.requireNonNull;

import java.nio.file.Path;
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

  /** Gets the picture, once. */
  Picture read() {
    return requireNonNull(
        reader.get(), () -> "the picture that the reader of " + name + " returned");
  }
}
