package org.scorecam.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The sizes of the processor's caches, by which oneDNN plans its convolutions. Some virtual
 * machines on AMD processors report no caches; LibTorch 2.10's oneDNN then takes each for one byte
 * large, and plans convolutions that compute wrong values or end the process. There it is given the
 * sizes that it assumes itself where a processor is unknown to it.
 *
 * <p>oneDNN has no function for that, so what it remembers of the processor is looked up in its
 * memory, and changed only where it looks exactly like this fault.
 */
public final class OneDnnCaches implements SetUpStep {
  private static final System.Logger LOG = System.getLogger(OneDnnCaches.class.getName());

  /** What Linux knows of the first cache of the first processor. */
  private static final Path FIRST_CACHE = Path.of("/sys/devices/system/cpu/cpu0/cache/index0");

  private static final String LIBRARY = "libtorch_cpu.so";

  /** {@code dnnl::impl::cpu::x64::cpu()::cpu_}, of Xbyak's class {@code Cpu}. */
  private static final String PROCESSOR = "_ZZN4dnnl4impl3cpu3x643cpuEvE4cpu_";

  /** Where it has the sizes of up to ten caches and the number of their levels, in 4 bytes each. */
  private static final int SIZES = 7;

  private static final int LEVELS = 27;

  /** As {@code get_per_core_cache_size} in oneDNN's {@code platform.cpp} guesses them. */
  private static final int[] ASSUMED = {32 << 10, 512 << 10, 1024 << 10};

  /** For the service loader. */
  public OneDnnCaches() {}

  @Override
  public String name() {
    return "oneDNN's caches";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    if (!settings.isOn(LibTorchSettings.ONEDNN_CACHES)) {
      return settings.leftAlone(LibTorchSettings.ONEDNN_CACHES);
    }
    boolean known =
        !Loader.Detector.getPlatform().equals("linux-x86_64") || Files.exists(FIRST_CACHE);
    return known ? "as the processor reports them" : mend();
  }

  /** Mends the sizes if they are wrong in the known way; says in words what was found. */
  static String mend() {
    Optional<IntPointer> found;
    try {
      found = processor();
    } catch (IOException | UncheckedIOException e) {
      LOG.log(System.Logger.Level.DEBUG, "the symbols of " + LIBRARY + " cannot be read", e);
      found = Optional.empty();
    }
    if (found.isEmpty()) {
      LOG.log(
          System.Logger.Level.WARNING,
          "The processor reports no caches, and what oneDNN takes for their sizes cannot be found."
              + " If it is an AMD, convolutions may be wrong: compare with another machine.");
      return "not reported by the processor; what oneDNN takes for them cannot be found";
    }
    try (IntPointer processor = found.get()) {
      boolean wrong = processor.get(LEVELS) == ASSUMED.length;
      for (int level = 0; level < ASSUMED.length; level++) {
        wrong &= processor.get(SIZES + level) == 1;
      }
      if (!wrong) {
        return "not reported by the processor; guessed by oneDNN";
      }
      for (int level = 0; level < ASSUMED.length; level++) {
        processor.put(SIZES + level, ASSUMED[level]);
      }
      return "not reported by the processor; oneDNN's guesses in place of one byte each";
    }
  }

  /** What oneDNN remembers of the processor; to be closed. */
  static Optional<IntPointer> processor() throws IOException {
    letOneDnnLook();
    OptionalLong address = ElfSymbols.addressOf(LIBRARY, PROCESSOR, (LEVELS + 1) * Integer.BYTES);
    return address.isEmpty() ? Optional.empty() : Optional.of(new At(address.getAsLong()));
  }

  /** oneDNN looks at the processor when it is first asked for something. */
  private static void letOneDnnLook() {
    try (Tensor one = torch.ones(1, 1, 1, 1);
        Tensor itsOwn = one.to_mkldnn()) {
      itsOwn.numel();
    }
  }

  /** The integers at an address, which stay when it is closed. */
  private static final class At extends IntPointer {
    private At(long address) {
      this.address = address;
    }
  }
}
