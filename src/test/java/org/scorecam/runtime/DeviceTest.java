package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.DeviceException;

/** Names of devices, and devices that are not there. */
class DeviceTest {
  /** What glibc says of a library that it does not find. */
  private static final String NOT_THERE =
      "%s: cannot open shared object file: No such file or directory";

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
    List<String> failures =
        List.of(
            NOT_THERE.formatted("libcudnn.so.9"),
            // Also where several need it.
            NOT_THERE.formatted("libnccl.so.2"),
            NOT_THERE.formatted("libnccl.so.2"),
            "/usr/lib/libcufile.so.0: invalid ELF header");
    CudaState state = CudaState.withoutLibraries(failures, true);
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
    CudaState state =
        CudaState.withoutLibraries(List.of(NOT_THERE.formatted("libcudnn.so.9")), false);
    assertTrue(state.advice().contains("no NVIDIA driver is found either"), state.advice());
  }

  @Test
  void whyTheCudaHalfIsNotLoadedIsToldInTheLinkersWords() {
    CudaState state =
        CudaState.withoutLibraries(
            List.of("/lib/libx.so.1: wrong ELF class", "/lib/liby.so.1: invalid ELF header"), true);
    assertEquals(
        "the CUDA half of LibTorch cannot be loaded: /lib/libx.so.1: wrong ELF class;"
            + " /lib/liby.so.1: invalid ELF header",
        state.words());
  }

  @Test
  void aLibraryThatIsNotThereIsToldFromABrokenOne(@TempDir Path folder) throws IOException {
    LibTorch.load();
    Assumptions.assumeTrue(Loader.getPlatform().startsWith("linux"), "the words are Linux's");
    String nowhere = "libscorecam-nowhere.so.1";
    String failure = CudaHalf.failureOf(nowhere);
    assertEquals(List.of(nowhere), CudaHalf.notFound(List.of(failure)), failure);
    Path broken = Files.writeString(folder.resolve(nowhere), "no library");
    failure = CudaHalf.failureOf(broken.toString());
    assertTrue(failure.startsWith(broken.toString()), failure);
    assertEquals(List.of(), CudaHalf.notFound(List.of(failure)), failure);
    assertEquals("", CudaHalf.failureOf("libc.so.6"));
  }

  @Test
  void whatTheProcessorNeedsOfCudaIsNamedWhereLibTorchCannotBeLoaded() {
    String reason =
        CudaState.withoutLibTorch(List.of(NOT_THERE.formatted("libcupti.so.13"))).orElseThrow();
    assertTrue(
        reason.startsWith(
            "its natives on the class path are those with CUDA, and need even on the CPU libcupti.so.13, found"
                + " neither in the jars on the class path nor in "),
        reason);
    assertTrue(reason.contains("; build with -Pgpu,cuda-redist"), reason);
    assertTrue(CudaState.withoutLibTorch(List.of()).isEmpty());
  }

  @Test
  void aDriverThatFailsIsToldInCudasWords() {
    CudaState state =
        CudaState.withoutDevice(
            "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling"
                + " NumCudaDevices() that might have already set an error? Error 803: system has"
                + " unsupported display driver / cuda driver combination");
    assertEquals(
        "the NVIDIA driver shows this process no device: Error 803: system has unsupported display"
            + " driver / cuda driver combination",
        state.words());
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
