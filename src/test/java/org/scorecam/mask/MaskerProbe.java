package org.scorecam.mask;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.LibTorch;
import org.scorecam.tensor.Tensors;

/** A process of its own that says which masker it has, since that is decided once per process. */
public final class MaskerProbe {
  private MaskerProbe() {}

  /** Prints one line for each fact, or the error. */
  public static void main(String[] arguments) throws IOException {
    try {
      Masker masker = Maskers.preferred();
      System.out.println("masker: " + masker.description());
      System.out.println("allocator: " + LibTorch.setUp().get("allocator"));
      try (Tensor maps = Tensors.of(new float[] {1, 2, 3, 4}, 1, 2, 2);
          Tensor image = Tensors.of(new float[64], 1, 8, 8);
          Masks masks =
              masker.prepare(
                  maps,
                  image,
                  new MaskRule(Upsampling.BILINEAR, MaskRule.Order.AFTER_UPSAMPLING, 0))) {
        System.out.println("constant: " + masks.facts().isConstant(0));
      }
      if (Files.exists(Path.of("/proc/self/maps"))) {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
          maps.filter(line -> line.contains("/lib"))
              .map(line -> line.substring(line.indexOf('/')))
              .distinct()
              .forEach(library -> System.out.println("library: " + library));
        }
      }
    } catch (RuntimeException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        System.out.println(cause.getClass().getSimpleName() + ": " + cause.getMessage());
      }
    }
  }
}
