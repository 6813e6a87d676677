package org.scorecam.bench;

import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.Device;

/** Waits for a device, so that a time holds what was done and not what was submitted. */
final class Synchronisation {
  private Synchronisation() {}

  static void of(Device device) {
    if (device.type() == Device.Type.CUDA) {
      torch.cuda_synchronize(device.index());
    }
  }
}
