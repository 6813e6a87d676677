package org.scorecam.kernel;

import org.scorecam.runtime.SetUpStep;
import org.scorecam.runtime.Switch;

/**
 * Huge pages for large tensors, on Linux: fewer page faults, and fewer misses when addresses are
 * looked up. LibTorch asks the system for them if a variable of the environment says so when it
 * allocates for the first time.
 */
public final class HugePages implements SetUpStep {
  /** System property: {@code off} leaves the environment as it is. */
  public static final String SETTING = "scorecam.hugePages";

  /** For the service loader. */
  public HugePages() {}

  @Override
  public String name() {
    return "huge pages";
  }

  @Override
  public String apply() {
    if (!Switch.isOn(SETTING)) {
      return Switch.leftAlone(SETTING);
    }
    return NativeSetting.apply(
        () -> new NativeSetting.Outcome(CpuBinding.scorecam_use_huge_pages(), "for large tensors"));
  }
}
