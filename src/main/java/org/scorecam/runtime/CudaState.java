package org.scorecam.runtime;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeErrors;

/**
 * How far CUDA gets in this process. It takes natives of LibTorch's that have a CUDA half, the
 * libraries of CUDA that this half is linked with, a driver, and a device: the first of these that
 * is missing is named.
 *
 * @param devices that can be used; 0 where something is missing
 * @param words what there is, or what is missing: a clause without a full stop
 * @param advice what to do about it; empty where nothing is missing
 */
record CudaState(int devices, String words, String advice) {
  private static final Pattern OLD_DRIVER = Pattern.compile("too old \\(found version (\\d+)\\)");

  /** CUDA's own words, before which LibTorch asks its programmers a question. */
  private static final Pattern CUDA_ERROR =
      Pattern.compile("Unexpected error from cudaGetDeviceCount.*\\b(Error \\d+: .*)");

  private static final String GET_DRIVER = "install NVIDIA's driver for this machine's GPU";

  private static final String GET_LIBRARIES =
      "build with -Pgpu,cuda-redist, which brings them, or install CUDA 13, cuDNN 9 and NCCL 2"
          + " and name their folders in LD_LIBRARY_PATH";

  private static final CudaState WITHOUT_DRIVER =
      missing("there is no NVIDIA driver on this machine", GET_DRIVER);

  /** Looks at this process, loading LibTorch if nothing has yet. */
  static CudaState now() {
    LibTorch.load();
    int count = torch.cuda_is_available() ? torch.cuda_device_count() : 0;
    if (count > 0) {
      String names = count == 1 ? "cuda:0" : "cuda:0 to cuda:" + (count - 1);
      return new CudaState(count, count + (count == 1 ? " device, " : " devices, ") + names, "");
    }
    if (!CudaHalf.isLoaded()) {
      return withoutCudaHalf();
    }
    return CudaHalf.hasDriver()
        ? withoutDevice(NativeErrors.messageOf(refusalOfDevices()))
        : WITHOUT_DRIVER;
  }

  private static CudaState withoutCudaHalf() {
    String natives = CudaHalf.classifier();
    if (!CudaHalf.isOnClassPath()) {
      return missing(
          "the natives of LibTorch on the class path are those for the CPU",
          "with an NVIDIA GPU, build with -Pgpu, or depend on org.bytedeco:pytorch with the"
              + " classifier %s in place of %s".formatted(natives, Loader.getPlatform()));
    }
    if (!natives.startsWith("linux")) {
      return missing(
          "the CUDA half of LibTorch could not be loaded",
          "put the libraries of CUDA 13 and cuDNN 9 on the library path (PATH on Windows)");
    }
    return withoutLibraries(CudaHalf.failures(), CudaHalf.hasDriver());
  }

  /**
   * What is said on Linux where the CUDA half is there and cannot be loaded.
   *
   * @param failures as {@link CudaHalf#failures}
   */
  static CudaState withoutLibraries(List<String> failures, boolean hasDriver) {
    List<String> missing = CudaHalf.notFound(failures);
    String advice = GET_LIBRARIES;
    if (!hasDriver) {
      advice += "; no NVIDIA driver is found either: " + GET_DRIVER;
    }
    return missing.isEmpty()
        ? missing(
            "the CUDA half of LibTorch cannot be loaded: " + String.join("; ", failures), advice)
        : missing("the CUDA half of LibTorch needs " + withWhereItWasLookedFor(missing), advice);
  }

  /**
   * What is said where LibTorch cannot be loaded for the CPU either.
   *
   * @param failures as {@link CudaHalf#failuresOnCpu}; nothing is said without one
   */
  static Optional<String> withoutLibTorch(List<String> failures) {
    List<String> missing = CudaHalf.notFound(failures);
    return missing.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "its natives on the class path are those with CUDA, and need even on the CPU %s; %s; for the CPU alone, build without -Pgpu"
                .formatted(withWhereItWasLookedFor(missing), GET_LIBRARIES));
  }

  private static String withWhereItWasLookedFor(List<String> missing) {
    return "%s, found neither in the jars on the class path nor in %s"
        .formatted(String.join(", ", missing), libraryPath());
  }

  private static String libraryPath() {
    String folders = System.getenv("LD_LIBRARY_PATH");
    // The first is where JavaCPP looks.
    String usual = "/usr/local/cuda or the system's library folders";
    return folders == null || folders.isEmpty()
        ? usual + " (LD_LIBRARY_PATH is not set)"
        : "LD_LIBRARY_PATH=" + folders + ", " + usual;
  }

  /** What LibTorch with all its libraries says where it has no device. */
  static CudaState withoutDevice(String message) {
    Matcher old = OLD_DRIVER.matcher(message);
    if (old.find()) {
      int version = Integer.parseInt(old.group(1));
      return missing(
          "the NVIDIA driver is too old: it knows CUDA %d.%d, and this LibTorch needs CUDA 13"
              .formatted(version / 1000, version % 1000 / 10),
          "update the driver to 580 or later");
    }
    if (message.toLowerCase(Locale.ROOT).contains("no nvidia driver")) {
      return WITHOUT_DRIVER;
    }
    Matcher error = CUDA_ERROR.matcher(message);
    return missing(
        "the NVIDIA driver shows this process no device: "
            + (error.find() ? error.group(1) : message),
        "see what nvidia-smi lists, and whether CUDA_VISIBLE_DEVICES or the container hides it");
  }

  private static RuntimeException refusalOfDevices() {
    // Not by the binding of CUDA's own functions, which needs more libraries than LibTorch does.
    try (NativeScope scope = NativeScope.open()) {
      torch.empty(new long[] {1}, new TensorOptions(Device.cuda(0).toTorch()), null);
      return new IllegalStateException("LibTorch does not say why");
    } catch (RuntimeException e) {
      return e;
    }
  }

  private static CudaState missing(String words, String advice) {
    return new CudaState(0, words, advice);
  }
}
