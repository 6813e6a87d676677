package org.scorecam.kernel;

import java.util.OptionalLong;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Allocator;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;
import org.scorecam.runtime.LibTorchSettings;
import org.scorecam.runtime.SetUpStep;

/**
 * An allocator of our own for LibTorch's large tensors on the CPU, on Linux.
 *
 * <p>glibc gives large blocks back to the system when they are freed, and every next chunk pays for
 * faulting them in again, page by page. It can be told not to, but not for blocks of more than 64
 * MiB in threads that are not the process's first, and what it keeps crumbles where sizes vary.
 * This one serves each chunk of a network at the same places, and gives back what has not been used
 * for long.
 */
public final class TensorMemory implements SetUpStep {
  private volatile boolean inUse;

  /** For the service loader. */
  public TensorMemory() {}

  @Override
  public String name() {
    return "allocator";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    return settings.isOn(LibTorchSettings.ALLOCATOR)
        ? NativeSetting.apply(this::replaceAllocator)
        : settings.leftAlone(LibTorchSettings.ALLOCATOR);
  }

  private NativeSetting.Outcome replaceAllocator() {
    try (Allocator theirs = torch.GetAllocator(DeviceType.CPU);
        Pointer ours = new Pointer()) {
      String library = LibTorchFile.path();
      int status = CpuBinding.scorecam_tensor_memory(library, theirs, ours);
      if (status == CpuBinding.SCORECAM_STATUS_OK) {
        try (Allocator chosen = new Allocator(ours)) {
          torch.SetAllocator(DeviceType.CPU, chosen);
        }
        status = CpuBinding.scorecam_try_tensor_memory(library);
        inUse = status == CpuBinding.SCORECAM_STATUS_OK;
        if (!inUse) {
          torch.SetAllocator(DeviceType.CPU, theirs);
        }
      }
      return new NativeSetting.Outcome(status, "keeps the memory of large tensors");
    }
  }

  @Override
  public void releaseKept() {
    if (inUse) {
      CpuBinding.scorecam_release_tensor_memory();
    }
  }

  @Override
  public void forgetPeak() {
    if (inUse) {
      CpuBinding.scorecam_forget_tensor_memory_peak();
    }
  }

  @Override
  public OptionalLong peak() {
    return inUse ? OptionalLong.of(CpuBinding.scorecam_tensor_memory_peak()) : OptionalLong.empty();
  }
}
