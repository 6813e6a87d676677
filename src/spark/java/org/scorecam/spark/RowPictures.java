package org.scorecam.spark;

import java.io.IOException;
import java.io.InputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.scorecam.error.InputException;
import org.scorecam.image.Picture;
import org.scorecam.pipeline.Source;

/** Gets a row's picture: from bytes, or from a file that the row names. */
final class RowPictures {
  private final PictureSettings settings;
  private final Configuration hadoop;

  RowPictures(PictureSettings settings, Configuration hadoop) {
    this.settings = settings;
    this.hadoop = hadoop;
  }

  /** The picture, which is read later; a row that has none is one whose picture cannot be read. */
  Source of(Row row) {
    String column = settings.rows().fieldNames()[settings.column()];
    Object value = row.get(settings.column());
    Object name = settings.name() < 0 ? null : row.get(settings.name());
    if (value == null) {
      return new Source(
          column,
          () -> {
            throw new InputException(
                "there is no picture%s: the column '%s' is null"
                    .formatted(name == null ? "" : " for " + name, column));
          });
    }
    if (value instanceof byte[] encoded) {
      String called = name == null ? "the picture in the column '" + column + "'" : name.toString();
      return new Source(called, () -> Picture.decode(encoded, called));
    }
    String file = (String) value;
    return new Source(file, () -> read(file));
  }

  private Picture read(String file) {
    try {
      Path path = new Path(file);
      try (InputStream in = path.getFileSystem(hadoop).open(path)) {
        return Picture.read(in, file);
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new InputException("cannot read %s: %s".formatted(file, e.getMessage()), e);
    }
  }
}
