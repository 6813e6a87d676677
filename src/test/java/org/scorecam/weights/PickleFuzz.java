package org.scorecam.weights;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.zip.ZipEntry;
import org.scorecam.runtime.LibTorch;

/**
 * Fuzz target: the pickle of a state dict or of a TorchScript module, in a zip file and in a file
 * of the older form, beside storages of 64 bytes. Seeds: {@code src/test/resources/fuzz/Pickle}.
 */
public final class PickleFuzz {
  private static final byte[] STORAGE = new byte[64];

  private PickleFuzz() {}

  /** Loads LibTorch, which takes longer than an input may. */
  public static void fuzzerInitialize() {
    LibTorch.load();
  }

  /**
   * Tries one input.
   *
   * @param input the pickle
   */
  public static void fuzzerTestOneInput(byte[] input) {
    Fuzzing.open(
        TestFiles.zip(
            Map.of(
                "a/data.pkl", input, "a/data/0", STORAGE, "a/data/1", STORAGE, "a/data/2", STORAGE),
            ZipEntry.STORED));
    try {
      Fuzzing.open(TestFiles.legacy(input, "](" + TestFiles.text("0") + "e", 4));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
