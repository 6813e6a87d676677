package org.scorecam.spark;

import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.scorecam.error.ModelException;

/**
 * A file of a network, where executors find it.
 *
 * @param location on any of Hadoop's file systems, such as {@code hdfs:///resnet18.pt}
 * @param bytes its length when it was asked for
 * @param modified when it was last changed, in milliseconds since 1970: an executor that has loaded
 *     the file before it was replaced loads it again
 */
record ModelFile(String location, long bytes, long modified) implements Serializable {
  /**
   * Looks for a file.
   *
   * @throws ModelException if there is none that can be read
   */
  static ModelFile find(String location, Configuration hadoop) {
    try {
      Path path = new Path(location);
      FileStatus status = path.getFileSystem(hadoop).getFileStatus(path);
      if (!status.isFile()) {
        throw new ModelException(location + " is a folder, not a file of a network");
      }
      return new ModelFile(
          status.getPath().toString(), status.getLen(), status.getModificationTime());
    } catch (IOException | IllegalArgumentException e) {
      throw unreadable(location, e);
    }
  }

  /** Has a copy on this machine used, and deletes it afterwards. */
  <T> T withLocalCopy(Configuration hadoop, Function<java.nio.file.Path, T> use) {
    try {
      Path path = new Path(location);
      java.nio.file.Path folder = Files.createTempDirectory("scorecam-model-");
      java.nio.file.Path copy = folder.resolve(path.getName());
      try {
        try (InputStream in = path.getFileSystem(hadoop).open(path)) {
          Files.copy(in, copy);
        }
        return use.apply(copy);
      } finally {
        Files.deleteIfExists(copy);
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw unreadable(location, e);
    }
  }

  private static ModelException unreadable(String location, Exception e) {
    return new ModelException("cannot read the network's file %s: %s".formatted(location, e), e);
  }
}
