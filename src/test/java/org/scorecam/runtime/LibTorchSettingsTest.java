package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LibTorchSettingsTest {
  private static final String PROPERTY = LibTorchSettings.NNPACK;

  @AfterEach
  void clear() {
    System.clearProperty(PROPERTY);
  }

  @Test
  void theDefaultsAreWhatIsFastest() {
    LibTorchSettings settings = LibTorchSettings.defaults();
    for (String property :
        List.of(
            LibTorchSettings.SET_UP,
            LibTorchSettings.CUDNN_BENCHMARK,
            LibTorchSettings.ALLOCATOR,
            LibTorchSettings.HUGE_PAGES,
            LibTorchSettings.WINOGRAD)) {
      assertTrue(settings.isOn(property), property);
    }
    assertFalse(settings.isOn(LibTorchSettings.NNPACK));
    assertEquals(0, settings.threadsOf(LibTorchSettings.THREADS));
    assertEquals(1, settings.threadsOf(LibTorchSettings.OPENBLAS_THREADS));
  }

  @Test
  void aProgramChanges() {
    LibTorchSettings settings =
        LibTorchSettings.defaults()
            .withSetUp(false)
            .withThreads(3)
            .withOpenBlasThreads(0)
            .withNnpack(true)
            .withCudnnBenchmark(false)
            .withAllocator(false)
            .withHugePages(false)
            .withWinograd(false);
    for (String property :
        List.of(
            LibTorchSettings.SET_UP,
            LibTorchSettings.CUDNN_BENCHMARK,
            LibTorchSettings.ALLOCATOR,
            LibTorchSettings.HUGE_PAGES,
            LibTorchSettings.WINOGRAD)) {
      assertFalse(settings.isOn(property), property);
    }
    assertTrue(settings.isOn(LibTorchSettings.NNPACK));
    assertEquals(3, settings.threadsOf(LibTorchSettings.THREADS));
    assertEquals(0, settings.threadsOf(LibTorchSettings.OPENBLAS_THREADS));
    assertEquals("as it was (scorecam.nnpack=on in the program)", settings.leftAlone(PROPERTY));
    assertThrows(IllegalArgumentException.class, () -> LibTorchSettings.defaults().withThreads(-1));
  }

  @Test
  void propertiesWin() {
    System.setProperty(PROPERTY, "on");
    LibTorchSettings settings = LibTorchSettings.defaults().withNnpack(false).withProperties();
    assertTrue(settings.isOn(PROPERTY));
    assertEquals("as it was (-Dscorecam.nnpack=on)", settings.leftAlone(PROPERTY));
    System.setProperty(PROPERTY, "perhaps");
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, LibTorchSettings.defaults()::withProperties);
    assertEquals("-Dscorecam.nnpack is on or off, not 'perhaps'", refused.getMessage());
  }
}
