package org.scorecam.weights;

/** Fuzz target: a whole file, of any format. Seeds: {@code src/test/resources/fuzz/File}. */
public final class FileFuzz {
  private FileFuzz() {}

  /**
   * Tries one input.
   *
   * @param input the file
   */
  public static void fuzzerTestOneInput(byte[] input) {
    Fuzzing.open(input);
  }
}
