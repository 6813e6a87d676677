package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class DeviceMemoryTest {
  private static final long MEBIBYTE = 1 << 20;
  private static final Path STATUS = Path.of("/proc/self/status");

  private final DeviceMemory memory = DeviceMemory.of(Device.cpu());

  private static void requireOurAllocator() {
    String allocator = LibTorch.setUp().get("allocator");
    Assumptions.assumeTrue(allocator.startsWith("keeps"), "allocator: " + allocator);
  }

  @Test
  void whatWorkTakesAtItsPeakIsMeasured() {
    requireOurAllocator();
    // Freed before the end, and once before the measurement: neither must hide it.
    Runnable work = () -> ones(64).close();
    work.run();
    assertEquals(64 * MEBIBYTE, memory.peakOf(work).orElseThrow());
    assertEquals(0, memory.peakOf(() -> {}).orElseThrow());
    try (Tensor before = ones(8)) {
      assertEquals(
          48 * MEBIBYTE,
          memory
              .peakOf(
                  () -> {
                    try (Tensor one = ones(16);
                        Tensor two = ones(32)) {
                      assertTrue(one.numel() < two.numel());
                    }
                    before.close();
                    ones(16).close();
                  })
              .orElseThrow());
    }
  }

  @Test
  void workThatFailsLeavesTheNextMeasurementRight() {
    requireOurAllocator();
    IllegalStateException mine = new IllegalStateException("mine");
    assertEquals(
        mine,
        assertThrows(
            IllegalStateException.class,
            () ->
                memory.peakOf(
                    () -> {
                      ones(64).close();
                      throw mine;
                    })));
    assertEquals(OptionalLong.of(16 * MEBIBYTE), memory.peakOf(() -> ones(16).close()));
  }

  @Test
  void theHighestMemoryThatTheHostSeesIsNotForgotten() throws IOException {
    Assumptions.assumeTrue(Files.isReadable(STATUS), "this system does not say it");
    ones(256).close();
    memory.releaseKept();
    long highest = highest();
    assertTrue(memory.peakOf(() -> ones(1).close()).isPresent() || highest > 0);
    memory.releaseKept();
    assertTrue(highest() >= highest, highest() + " kB of " + highest);
  }

  @Test
  void thereIsMemory() {
    OptionalLong available = memory.available();
    Assumptions.assumeTrue(available.isPresent(), "this system does not say it");
    assertTrue(available.getAsLong() > 0);
  }

  private static long highest() throws IOException {
    return Files.readAllLines(STATUS).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  private static Tensor ones(long mebibytes) {
    try (NativeScope scope = NativeScope.open()) {
      return scope.keep(torch.ones(new long[] {mebibytes * MEBIBYTE / Float.BYTES}));
    }
  }
}
