package org.scorecam.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.HeapUse;
import org.scorecam.error.InputException;
import org.scorecam.runtime.LibTorch;

/**
 * Fuzz target: a {@code .npy} file or an archive of them. Seeds: {@code
 * src/test/resources/fuzz/Npy}.
 */
public final class NpyFuzz {
  /**
   * Of the Java heap, for any file. Reading takes a few kilobytes; the rest is for Jazzer's hooks,
   * which now and then allocate more than a mebibyte on the thread that is measured.
   */
  private static final long FIXED_ALLOCATION = 4 << 20;

  private static final long ALLOCATION_PER_BYTE = 64;

  /** What a file of a byte for each value may hold; an archive may be packed. */
  private static final long VALUES_PER_BYTE = 2000;

  private static final Path FILE = temporaryFile();

  private NpyFuzz() {}

  /** Loads LibTorch, which takes longer than an input may. */
  public static void fuzzerInitialize() {
    LibTorch.load();
  }

  /**
   * Tries one input: it is an array no larger than the file can hold, or refused with the one
   * exception and in one line; and it allocates in proportion to the file.
   *
   * @param input the file
   */
  public static void fuzzerTestOneInput(byte[] input) {
    try {
      Files.write(FILE, input);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    long limit = FIXED_ALLOCATION + ALLOCATION_PER_BYTE * input.length;
    HeapUse.within(limit, input.length, () -> read(input.length));
  }

  /** Whether it is an array. */
  private static boolean read(long length) {
    try (Tensor tensor = NpyFile.read(FILE)) {
      if (tensor.numel() > VALUES_PER_BYTE * length) {
        throw new AssertionError(tensor.numel() + " values of " + length + " bytes");
      }
      if (tensor.numel() > 0) {
        tensor.view(-1).narrow(0, tensor.numel() - 1, 1).item_float();
      }
      return true;
    } catch (InputException e) {
      if (e.getMessage().lines().count() != 1) {
        throw new AssertionError("not one line", e);
      }
      return false;
    }
  }

  private static Path temporaryFile() {
    try {
      Path path = Files.createTempFile("scorecam-fuzz", ".npy");
      path.toFile().deleteOnExit();
      return path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
