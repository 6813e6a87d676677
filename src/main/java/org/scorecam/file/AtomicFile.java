package org.scorecam.file;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ThreadLocalRandom;
import org.scorecam.error.OutputException;

/**
 * Writes a file whole or not at all.
 *
 * <p>The content goes to a hidden temporary file in the same folder, which then takes the place of
 * the named one in one step. Whatever fails on the way, the named file is as it was before, and the
 * temporary one is gone.
 *
 * <pre>{@code
 * AtomicFile.write(Path.of("report.json"), out -> out.write(json.getBytes(UTF_8)));
 * }</pre>
 */
public final class AtomicFile {
  /** What a file is to hold. */
  @FunctionalInterface
  public interface Content {
    /**
     * Writes everything.
     *
     * @param out buffered; closed by the caller
     * @throws IOException if it cannot be written
     */
    void writeTo(OutputStream out) throws IOException;
  }

  private AtomicFile() {}

  /**
   * Writes a file, replacing one that is there.
   *
   * <p>A symbolic link stays, and the file that it names is written. What exists and is no regular
   * file, such as {@code /dev/stdout}, is never replaced but written to directly.
   *
   * @param file the file, in a folder that exists
   * @param content writes what it is to hold; an unchecked exception of it passes unchanged
   * @throws OutputException if the file cannot be written, with its path and the reason
   */
  public static void write(Path file, Content content) {
    try {
      Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
      if (Files.isDirectory(target)) {
        throw new OutputException("cannot write " + file + ": it is a folder");
      }
      // A read-only file could be replaced all the same, but not by anyone who meant the mark.
      if (Files.exists(target) && !Files.isWritable(target)) {
        throw new OutputException("cannot write " + file + ": permission denied");
      }
      if (Files.exists(target) && !Files.isRegularFile(target)) {
        fill(target, content, StandardOpenOption.WRITE);
      } else {
        writeAndMove(target, content);
      }
    } catch (IOException e) {
      throw new OutputException(
          "cannot write " + file + ": " + reasonOf(e, file.toAbsolutePath().getParent()), e);
    }
  }

  private static void writeAndMove(Path target, Content content) throws IOException {
    // Not Files.createTempFile, which would leave a result that only its owner can read.
    String unique = Long.toHexString(ThreadLocalRandom.current().nextLong());
    Path temporary = target.resolveSibling("." + target.getFileName() + "." + unique + ".tmp");
    try {
      fill(temporary, content, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
      try {
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, target, StandardCopyOption.REPLACE_EXISTING);
      }
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void fill(Path file, Content content, StandardOpenOption... options)
      throws IOException {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file, options))) {
      content.writeTo(out);
    }
  }

  private static String reasonOf(IOException thrown, Path folder) {
    boolean homeless = thrown instanceof NoSuchFileException && Files.notExists(folder);
    return homeless ? "the folder " + folder + " does not exist" : FileErrors.reasonOf(thrown);
  }
}
