package org.scorecam.kernel;

import org.scorecam.runtime.SetUpStep;
import org.scorecam.runtime.Switch;

/**
 * Huge pages for large tensors, on Linux: fewer page faults, and fewer misses when addresses are
 * looked up. LibTorch asks the system for them if a variable of the environment says so when it
 * allocates for the first time; if it has already, in a program that did not load it by way of us,
 * the variable comes too late.
 */
public final class HugePages implements SetUpStep {
  /** System property: {@code off} leaves the environment as it is. */
  public static final String SETTING = "scorecam.hugePages";

  /** LibTorch's. */
  private static final String VARIABLE = "THP_MEM_ALLOC_ENABLE";

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
    // Java keeps the environment as it is when it is first asked for: it must not be ours, since
    // processes that this one starts would get that.
    String chosen = System.getenv(VARIABLE);
    return NativeSetting.apply(
        () ->
            new NativeSetting.Outcome(
                CpuBinding.scorecam_use_huge_pages(),
                "asked for, for large tensors" + (chosen == null ? "" : ", as it was")));
  }
}
