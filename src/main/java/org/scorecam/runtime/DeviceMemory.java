package org.scorecam.runtime;

import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch;

/**
 * The memory that a device's tensors live in: of the CPU the process's own, of a CUDA device what
 * LibTorch's caching allocator has there.
 */
public abstract class DeviceMemory {
  private DeviceMemory() {}

  /**
   * The memory of a device.
   *
   * @param device where tensors live
   * @return what can be asked of it
   */
  public static DeviceMemory of(Device device) {
    return device.type() == Device.Type.CPU ? new OfTheProcess() : new OfCuda(device);
  }

  /**
   * What could still be allocated: on the CPU without swapping, and within what a container allows.
   * What is kept for later allocations counts as taken.
   *
   * @return bytes, or nothing where the system does not say
   */
  public abstract OptionalLong available();

  /**
   * Runs work and measures how much memory it takes at its peak above what there was before. Work
   * of other threads counts as well.
   *
   * <p>On the CPU what large tensors have of our allocator is measured, so nothing without it; such
   * measurements take turns.
   *
   * @param work what is measured
   * @return bytes, or nothing where that is not known
   */
  public abstract OptionalLong peakOf(Runnable work);

  /** Waits until the device has done what it was given. */
  public abstract void finishWork();

  /**
   * Names the stream on which this thread's work for the device is queued. What is allocated on one
   * may be used on it, and freed, while earlier work on it is still to be done.
   *
   * @return its number; 0 on the CPU, whose operations are done when they return
   */
  public abstract long stream();

  /** Gives back what is kept for later allocations, so that something else may have it. */
  public abstract void releaseKept();

  /**
   * Does work while no other thread of ours waits for the device or gives back its memory, neither
   * of which is allowed on CUDA while a stream is recorded.
   *
   * @param work may do both itself
   * @param <T> what it returns
   * @return what it returned
   */
  public abstract <T> T undisturbed(Supplier<T> work);

  private static final class OfTheProcess extends DeviceMemory {
    private static final ReentrantLock MEASURING = new ReentrantLock();

    @Override
    public OptionalLong available() {
      return AvailableMemory.ofThisMachine().bytes();
    }

    @Override
    public OptionalLong peakOf(Runnable work) {
      // There is one peak: two measurements at once would each see the other's work.
      MEASURING.lock();
      try {
        LibTorch.forgetPeak();
        work.run();
        return LibTorch.peak();
      } finally {
        MEASURING.unlock();
      }
    }

    @Override
    public void finishWork() {
      // Operations on the CPU are done when they return.
    }

    @Override
    public long stream() {
      return 0;
    }

    @Override
    public void releaseKept() {
      LibTorch.releaseKept();
    }

    @Override
    public <T> T undisturbed(Supplier<T> work) {
      return work.get();
    }
  }

  private static final class OfCuda extends DeviceMemory {
    private static final ReentrantLock UNDISTURBED = new ReentrantLock();

    private final byte index;

    private OfCuda(Device device) {
      this.index = (byte) device.index();
    }

    @Override
    public OptionalLong available() {
      try (NativeScope scope = NativeScope.open()) {
        return OptionalLong.of(torch.getMemoryInfo(index).first());
      } catch (RuntimeException | LinkageError e) {
        return OptionalLong.empty();
      }
    }

    @Override
    public OptionalLong peakOf(Runnable work) {
      finishWork();
      boolean reset = resetPeak();
      OptionalLong before = allocated(false);
      work.run();
      finishWork();
      OptionalLong peak = allocated(true);
      if (!reset || before.isEmpty() || peak.isEmpty()) {
        return OptionalLong.empty();
      }
      return OptionalLong.of(Math.max(0, peak.getAsLong() - before.getAsLong()));
    }

    private boolean resetPeak() {
      try {
        torch.resetPeakStats(index);
        return true;
      } catch (RuntimeException | LinkageError e) {
        return false;
      }
    }

    /** Bytes of the allocator's tensors, now or at their peak. */
    private OptionalLong allocated(boolean atPeak) {
      try (NativeScope scope = NativeScope.open()) {
        DeviceStats stats = torch.getDeviceStats(index);
        // The first of the array is the sum over its pools.
        return OptionalLong.of(
            atPeak ? stats.allocated_bytes().peak() : stats.allocated_bytes().current());
      } catch (RuntimeException | LinkageError e) {
        return OptionalLong.empty();
      }
    }

    @Override
    public void finishWork() {
      undisturbed(
          () -> {
            torch.cuda_synchronize(index);
            return null;
          });
    }

    @Override
    public long stream() {
      try (NativeScope scope = NativeScope.open()) {
        return torch.getCurrentStream(index).id();
      }
    }

    @Override
    public void releaseKept() {
      undisturbed(
          () -> {
            torch.emptyCache();
            return null;
          });
    }

    @Override
    public <T> T undisturbed(Supplier<T> work) {
      UNDISTURBED.lock();
      try {
        return work.get();
      } finally {
        UNDISTURBED.unlock();
      }
    }
  }
}
