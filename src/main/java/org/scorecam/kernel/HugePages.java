package org.scorecam.kernel;

import org.scorecam.runtime.SetUpStep;
import org.scorecam.runtime.Switch;

/**
 * Huge pages for the memory of large tensors: fewer page faults, and fewer misses when addresses
 * are looked up. Comes after {@link TensorMemory}, whose memory it is.
 */
public final class HugePages implements SetUpStep {
  /** System property: {@code off} leaves large tensors on small pages. */
  public static final String SETTING = "scorecam.hugePages";

  /** For the service loader. */
  public HugePages() {}

  @Override
  public String name() {
    return "huge pages";
  }

  @Override
  public String apply() {
    return Switch.isOn(SETTING)
        ? NativeSetting.apply(
            () ->
                new NativeSetting.Outcome(
                    CpuBinding.scorecam_use_huge_pages(), "asked for, for large tensors"))
        : Switch.leftAlone(SETTING);
  }
}
