package org.scorecam;

import java.util.Arrays;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;

/**
 * Gives back, now and then, what the C library's allocator keeps while chunks of ever other shapes
 * are scored.
 *
 * <p>It is told to keep what is freed, since a network on chunks of one shape takes the same blocks
 * again. Blocks of other sizes fit into the gaps badly and leave smaller ones, so that the process
 * grows from explanation to explanation with memory that nobody uses. Where the shape stays,
 * nothing is given back and nothing is faulted in again.
 */
final class KeptMemory {
  /** So rare that faulting in again what is needed does not count. */
  static final int CHANGES = 16;

  /** Of this process, as the allocator is. */
  private static final KeptMemory OF_THE_PROCESS = new KeptMemory();

  private long[] lastShape = {};
  private int changes;

  KeptMemory() {}

  /** Told before chunks are scored on a device; releases what is kept if it is time to. */
  static void afterExplaining(Device device, long[] shape) {
    // CUDA's allocator does it by itself when it is short, and to do so it waits for the device.
    if (device.type() == Device.Type.CPU && OF_THE_PROCESS.isTimeToRelease(shape)) {
      DeviceMemory.of(device).releaseKept();
    }
  }

  /** Whether so many chunks of another shape than the one before were scored by now. */
  synchronized boolean isTimeToRelease(long[] shape) {
    if (Arrays.equals(shape, lastShape)) {
      return false;
    }
    lastShape = shape.clone();
    changes = (changes + 1) % CHANGES;
    return changes == 0;
  }
}
