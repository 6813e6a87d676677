package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.InputShape;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;

/**
 * How many inputs go through the network together in {@link FirstPass}: no more than there is
 * memory for, by what one alone took. Safe for several threads.
 */
final class InputsAtOnce {
  /** Of the memory that is available, what the pass may take. */
  private static final int SHARE = 4;

  private final int most;
  private final DeviceMemory memory;

  /** Of the largest input that was measured; 0 before the first. */
  private long pixels;

  private long bytes;

  /**
   * Nothing measured yet.
   *
   * @param most inputs that pay
   */
  InputsAtOnce(int most, Device device) {
    this.most = most;
    this.memory = DeviceMemory.of(device);
  }

  /** How many of these inputs; one where inputs of their size are still to be measured. */
  synchronized long of(Tensor inputs, long left) {
    if (left == 1 || InputShape.ofRowsIn(inputs).pixels() > pixels) {
      return 1;
    }
    OptionalLong available = memory.available();
    long fitting = bytes == 0 || available.isEmpty() ? most : available.getAsLong() / SHARE / bytes;
    return Math.max(1, Math.min(most, fitting));
  }

  /**
   * Does a pass, and measures it if it is of one input that is larger than those before.
   *
   * @param alone the pass that is measured; prepares no network, for which it might have to wait
   *     for somebody who waits to measure something himself
   * @param otherwise the pass where nothing is measured
   */
  <T> T measured(Tensor images, Supplier<T> alone, Supplier<T> otherwise) {
    long ofOne = InputShape.ofRowsIn(images).pixels();
    if (images.size(0) > 1 || isMeasured(ofOne)) {
      return otherwise.get();
    }
    List<T> done = new ArrayList<>();
    OptionalLong peak = memory.peakOf(() -> done.add(alone.get()));
    note(ofOne, peak.orElse(0));
    return done.get(0);
  }

  private synchronized boolean isMeasured(long ofOne) {
    return ofOne <= pixels;
  }

  private synchronized void note(long ofOne, long peak) {
    if (ofOne > pixels) {
      pixels = ofOne;
      bytes = peak;
    }
  }
}
