package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.DeviceException;

/** Names of devices, and devices that are not there. */
class DeviceTest {
  @ParameterizedTest
  @CsvSource({"cpu,cpu", "CPU,cpu", "' cpu ',cpu", "cuda,cuda:0", "cuda:0,cuda:0", "CUDA:7,cuda:7"})
  void namesAreRead(String name, String device) {
    assertEquals(device, Device.parse(name).toString());
    assertEquals(Device.parse(device), Device.parse(name));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "gpu", "cpu:0", "cuda:", "cuda:-1", "cuda:1:2", "cuda:x", "cuda:1000", "mps"})
  void otherNamesAreRefused(String name) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Device.parse(name)).getMessage();
    assertTrue(message.startsWith("'" + name + "' names no device; give cpu, cuda or "), message);
  }

  @Test
  void impossibleDevicesAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Device.cuda(-1));
    assertThrows(IllegalArgumentException.class, () -> new Device(Device.Type.CPU, 1));
  }

  @Test
  void theProcessorIsThere() {
    assertEquals(Device.cpu(), Device.cpu().require());
    try (org.bytedeco.pytorch.Device device = Device.cpu().toTorch()) {
      assertTrue(device.is_cpu());
    }
  }

  @Test
  void aDeviceBeyondTheLastOneIsRefusedWithWhatThereIs() {
    int count = Device.cudaCount();
    String message =
        assertThrows(DeviceException.class, () -> Device.cuda(count).require()).getMessage();
    assertTrue(message.startsWith("there is no device cuda:" + count + ": "), message);
  }

  @Test
  void nativesForTheProcessorAreNamedAsTheReasonWithWhatToTakeInstead() {
    CudaState state = CudaState.now();
    Assumptions.assumeFalse(
        CudaHalf.isOnClassPath(), "LibTorch's natives are those with CUDA (-Pgpu)");
    assertEquals(0, state.devices());
    assertEquals("the natives of LibTorch on the class path are those for the CPU", state.words());
    assertTrue(state.advice().contains(Loader.getPlatform() + "-gpu"), state.advice());
  }

  @Test
  void missingLibrariesAreNamedWithWhereTheyWereLookedFor() {
    List<String> missing = List.of("libcudnn.so.9", "libnccl.so.2");
    CudaState state = CudaState.withoutLibraries(missing, "", true);
    assertTrue(
        state
            .words()
            .startsWith(
                "the CUDA half of LibTorch needs libcudnn.so.9, libnccl.so.2, found neither in the"
                    + " jars on the class path nor in "),
        state.words());
    assertTrue(state.words().contains("LD_LIBRARY_PATH"), state.words());
    assertTrue(state.advice().startsWith("build with -Pgpu,cuda-redist"), state.advice());
    assertFalse(state.advice().contains("driver"), state.advice());
  }

  @Test
  void aMissingDriverIsAddedToMissingLibraries() {
    CudaState state = CudaState.withoutLibraries(List.of("libcudnn.so.9"), "", false);
    assertTrue(state.advice().contains("no NVIDIA driver is found either"), state.advice());
  }

  @Test
  void whyTheCudaHalfIsNotLoadedIsToldInTheLinkersWords() {
    CudaState state = CudaState.withoutLibraries(List.of(), "libx.so: wrong ELF class", true);
    assertEquals(
        "the CUDA half of LibTorch cannot be loaded: libx.so: wrong ELF class", state.words());
  }

  @Test
  void anOldDriverIsNamedWithWhatItKnows() {
    CudaState state =
        CudaState.withoutDevice(
            "The NVIDIA driver on your system is too old (found version 12040). Please update");
    assertEquals(
        "the NVIDIA driver is too old: it knows CUDA 12.4, and this LibTorch needs CUDA 13",
        state.words());
  }

  @Test
  void aMissingDriverIsToldFromAHiddenDevice() {
    String noDriver = "Found no NVIDIA driver on your system. Please check that you have a GPU";
    assertEquals(
        "there is no NVIDIA driver on this machine", CudaState.withoutDevice(noDriver).words());
    CudaState hidden = CudaState.withoutDevice("No CUDA GPUs are available");
    assertTrue(hidden.words().endsWith("no device: No CUDA GPUs are available"), hidden.words());
    assertTrue(hidden.advice().contains("CUDA_VISIBLE_DEVICES"), hidden.advice());
  }
}
