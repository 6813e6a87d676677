package org.scorecam.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.NativeLibraryException;

/** What is loaded on this machine, how it is set up, and what could be better. */
public final class Diagnostics {
  private static final long MEBIBYTE = 1L << 20;

  private final Map<String, String> facts;
  private final List<String> advice;

  private Diagnostics(Map<String, String> facts, List<String> advice) {
    this.facts = Collections.unmodifiableMap(facts);
    this.advice = List.copyOf(advice);
  }

  /**
   * Looks at this process, loading LibTorch if nothing has yet.
   *
   * @return what was found
   * @throws NativeLibraryException if LibTorch cannot be loaded
   */
  public static Diagnostics collect() {
    LibTorch.load();
    Map<String, String> facts = new LinkedHashMap<>();
    int cores = Runtime.getRuntime().availableProcessors();
    String isa = torch.get_cpu_capability().getString();
    facts.put("scorecam", versionOf("org.scorecam", "scorecam"));
    facts.put("Java", Runtime.version() + " (" + System.getProperty("java.vm.name") + ")");
    facts.put("platform", Loader.Detector.getPlatform() + ", " + cores + " processors");
    facts.put("Java heap", Runtime.getRuntime().maxMemory() / MEBIBYTE + " MiB at most");
    facts.put("resident memory", Pointer.physicalBytes() / MEBIBYTE + " MiB");
    facts.put("LibTorch", versionOf("org.bytedeco", "pytorch"));
    facts.put("JavaCPP", versionOf("org.bytedeco", "javacpp"));
    facts.put("instruction set", isa);
    facts.put("BLAS", "OpenBLAS " + versionOf("org.bytedeco", "openblas"));
    facts.putAll(LibTorch.setUp());
    CudaState cuda = CudaState.now();
    facts.put("CUDA", cuda.words());
    return new Diagnostics(facts, adviceFor(cores, isa, cuda));
  }

  /**
   * What was found.
   *
   * @return names and values in the order in which they are shown
   */
  public Map<String, String> facts() {
    return facts;
  }

  /**
   * What could be better.
   *
   * @return sentences; empty where there is nothing to say
   */
  public List<String> advice() {
    return advice;
  }

  private static List<String> adviceFor(int cores, String isa, CudaState cuda) {
    List<String> advice = new ArrayList<>();
    if (LibTorch.openBlasThreads() > 1) {
      advice.add(
          "OpenBLAS has more than one thread: its spinning workers slow the convolutions down;"
              + " leave -D"
              + LibTorchSettings.OPENBLAS_THREADS
              + " at 1");
    }
    if (LibTorch.threads() > cores) {
      advice.add(
          "there are more intra-op threads than processors; lower -D" + LibTorchSettings.THREADS);
    }
    if (isa.equals("DEFAULT")) {
      advice.add("this processor has no AVX2 that LibTorch could use; expect slow passes");
    }
    if (!cuda.advice().isEmpty()) {
      advice.add("CUDA: " + cuda.advice());
    }
    return advice;
  }

  static String versionOf(String group, String artifact) {
    String path = "META-INF/maven/%s/%s/pom.properties".formatted(group, artifact);
    // The loader, since a class sees only its own module's resources.
    try (InputStream in = Diagnostics.class.getClassLoader().getResourceAsStream(path)) {
      if (in == null) {
        return "of unknown version";
      }
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version");
    } catch (IOException e) {
      return "of unknown version";
    }
  }
}
