package org.scorecam.weights;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.scorecam.runtime.LibTorch;

/**
 * Fuzz target: the header of a safetensors file and its data, with a length that fits. The header
 * ends with the last brace of the input. Seeds: {@code src/test/resources/fuzz/Safetensors}.
 */
public final class SafetensorsFuzz {
  private SafetensorsFuzz() {}

  /** Loads LibTorch, which takes longer than an input may. */
  public static void fuzzerInitialize() {
    LibTorch.load();
  }

  /**
   * Tries one input.
   *
   * @param input header and data
   */
  public static void fuzzerTestOneInput(byte[] input) {
    int header = input.length;
    while (header > 0 && input[header - 1] != '}') {
      header--;
    }
    byte[] file = new byte[Long.BYTES + input.length];
    ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putLong(header).put(input);
    Fuzzing.open(file);
  }
}
