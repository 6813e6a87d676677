package org.scorecam.weights;

import org.scorecam.runtime.LibTorch;

/** Fuzz target: a whole file, of any format. Seeds: {@code src/test/resources/fuzz/File}. */
public final class FileFuzz {
  private FileFuzz() {}

  /** Loads LibTorch, which takes longer than an input may. */
  public static void fuzzerInitialize() {
    LibTorch.load();
  }

  /**
   * Tries one input.
   *
   * @param input the file
   */
  public static void fuzzerTestOneInput(byte[] input) {
    Fuzzing.open(input);
  }
}
