package org.scorecam.runtime;

import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/** The settings of LibTorch itself; {@link LibTorch} says why each is made. */
final class LibTorchSettings {
  static final String INTRA_OP_THREADS = "intra-op threads";

  private LibTorchSettings() {}

  private record Setting(String name, Supplier<String> change) implements SetUpStep {
    @Override
    public String apply() {
      return change.get();
    }
  }

  static List<SetUpStep> all() {
    return List.of(
        new Setting("OpenBLAS threads", LibTorchSettings::openBlasThreads),
        new Setting(INTRA_OP_THREADS, LibTorchSettings::intraOpThreads),
        new Setting("NNPACK", LibTorchSettings::nnpack),
        new Setting("TF32", LibTorchSettings::tensorFloat32),
        new Setting("cuDNN benchmark", LibTorchSettings::cudnnBenchmark),
        new Setting("JavaCPP's limit", LibTorchSettings::javaCppLimit));
  }

  private static String openBlasThreads() {
    int threads = numberOf(LibTorch.OPENBLAS_THREADS, 1);
    if (threads > 0) {
      openblas.blas_set_num_threads(threads);
      return Integer.toString(threads);
    }
    return "%d, as it was (-D%s=0)"
        .formatted(openblas.blas_get_num_threads(), LibTorch.OPENBLAS_THREADS);
  }

  private static String intraOpThreads() {
    int threads = numberOf(LibTorch.THREADS, 0);
    if (threads > 0) {
      torch.set_num_threads(threads);
      return "%d (-D%s)".formatted(threads, LibTorch.THREADS);
    }
    return torch.get_num_threads() + ", LibTorch's choice";
  }

  private static int numberOf(String property, int unlessSet) {
    String value = System.getProperty(property);
    if (value == null) {
      return unlessSet;
    }
    // As many digits as an int always has room for.
    if (!value.matches("\\d{1,9}")) {
      throw new IllegalArgumentException(
          "-D%s is a number of threads, not '%s'".formatted(property, value));
    }
    return Integer.parseInt(value);
  }

  private static String nnpack() {
    if (Switch.isOnIfSet(LibTorch.NNPACK)) {
      return Switch.leftAlone(LibTorch.NNPACK);
    }
    torch.globalContext().setUserEnabledNNPACK(false);
    return "off";
  }

  private static String tensorFloat32() {
    TensorFloat32.set(false);
    return "off, but for the precision of that name";
  }

  private static String cudnnBenchmark() {
    if (!Switch.isOn(LibTorch.CUDNN_BENCHMARK)) {
      return Switch.leftAlone(LibTorch.CUDNN_BENCHMARK);
    }
    torch.globalContext().setBenchmarkCuDNN(true);
    return "on";
  }

  /** Set before JavaCPP was initialised; shown here with what it came to. */
  private static String javaCppLimit() {
    long bytes = Pointer.maxPhysicalBytes();
    return bytes > 0
        ? "%d MiB of resident memory (-D%s)".formatted(bytes >> 20, LibTorch.MAX_PHYSICAL_BYTES)
        : "off";
  }
}
