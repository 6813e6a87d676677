package org.scorecam.kernel;

import org.scorecam.runtime.LibTorchSettings;
import org.scorecam.runtime.SetUpStep;

/**
 * Huge pages for the memory of large tensors: fewer page faults, and fewer misses when addresses
 * are looked up. Comes after {@link TensorMemory}, whose memory it is.
 */
public final class HugePages implements SetUpStep {
  /** For the service loader. */
  public HugePages() {}

  @Override
  public String name() {
    return "huge pages";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    return settings.isOn(LibTorchSettings.HUGE_PAGES)
        ? NativeSetting.apply(
            () ->
                new NativeSetting.Outcome(
                    CpuBinding.scorecam_use_huge_pages(), "asked for, for large tensors"))
        : settings.leftAlone(LibTorchSettings.HUGE_PAGES);
  }
}
