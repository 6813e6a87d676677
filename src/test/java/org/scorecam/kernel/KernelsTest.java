package org.scorecam.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerPointer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.scorecam.error.DeviceException;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/** Loading, statuses, and what the structures look like from Java. */
class KernelsTest {
  @BeforeEach
  void kernelsAreThere() {
    NativeBuild.require();
  }

  @Test
  void descriptionNamesVersionAndInstructionSet() {
    assertTrue(
        Kernels.cpu().description().matches("scorecam \\d+\\.\\d+\\.\\d+, [a-z0-9]+"),
        Kernels.cpu().description());
  }

  @Test
  void eachStatusHasItsException() {
    Kernels kernels = Kernels.cpu();
    kernels.check(CpuBinding.SCORECAM_STATUS_OK);
    assertThrows(
        InputException.class, () -> kernels.check(CpuBinding.SCORECAM_STATUS_INVALID_ARGUMENT));
    assertThrows(InputException.class, () -> kernels.check(CpuBinding.SCORECAM_STATUS_UNSUPPORTED));
    assertThrows(
        NativeMemoryException.class, () -> kernels.check(CpuBinding.SCORECAM_STATUS_OUT_OF_MEMORY));
    assertThrows(
        DeviceException.class, () -> kernels.check(CpuBinding.SCORECAM_STATUS_DEVICE_ERROR));
    assertThrows(
        NativeLibraryException.class, () -> kernels.check(CpuBinding.SCORECAM_STATUS_INTERNAL));
  }

  @Test
  void errorsCarryTheLibrarysOwnWords() {
    int status = CpuBinding.scorecam_tensor_memory("libtorch_cpu.so", null, (PointerPointer) null);
    Exception e = assertThrows(InputException.class, () -> Kernels.cpu().check(status));
    assertEquals("ours is null", e.getMessage());
  }

  @Test
  void rangesAreThreeLongs() {
    Kernels.cpu();
    try (NativeScope scope = NativeScope.open()) {
      assertEquals(Kernels.RANGE_LONGS * Long.BYTES, new ChannelRange().sizeof());
    }
  }

  @Test
  void cudaKernelsLoadAndRefuseAMachineWithoutADevice() {
    String library = "cuda/" + Loader.getPlatform() + "/libscorecam_cuda.so";
    Assumptions.assumeTrue(
        KernelsTest.class.getResource(library) != null, "built without a CUDA compiler");
    Assumptions.assumeTrue(Device.cudaCount() == 0, "there is a CUDA device");
    Kernels kernels = Kernels.cuda();
    DeviceException e = assertThrows(DeviceException.class, kernels::description);
    assertFalse(e.getMessage().isBlank());
  }
}
