package org.scorecam.weights;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.HeapUse;
import org.scorecam.error.ModelException;
import org.scorecam.runtime.NativeScope;

/**
 * What must hold for any bytes whatever, as the body of the fuzz targets.
 *
 * <p>They have Jazzer's signature and need nothing of Jazzer's, so that {@link FuzzSeedsTest} runs
 * their seeds in every build. {@code mvn -Pfuzz test-compile exec:exec@fuzz -Dfuzz.target=Pickle}
 * lets Jazzer look for more, see {@code pom.xml}.
 */
final class Fuzzing {
  /** Of the Java heap, for any file; and per byte of it. */
  private static final long FIXED_ALLOCATION = 1 << 20;

  private static final long ALLOCATION_PER_BYTE = 512;
  private static final int MAX_ELEMENTS_READ = 1 << 16;

  private static final Path FILE = temporaryFile();

  private Fuzzing() {}

  /**
   * Opens a file of these bytes and reads all its tensors: it works, or it fails with the one
   * exception that it may; its tensors lie in the file; and it allocates in proportion to the file.
   *
   * @return whether it is a weight file
   */
  static boolean open(byte[] content) {
    try {
      Files.write(FILE, content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    long limit = FIXED_ALLOCATION + ALLOCATION_PER_BYTE * content.length;
    return HeapUse.within(limit, content.length, Fuzzing::opens);
  }

  private static boolean opens() {
    try (WeightFile file = WeightFile.open(FILE)) {
      readAll(file);
      return true;
    } catch (ModelException e) {
      if (!(e.getCause() instanceof IOException)) {
        throw new AssertionError("LibTorch refused what we found good", e);
      }
      return false;
    }
  }

  private static void readAll(WeightFile file) {
    for (Map.Entry<String, TensorInfo> entry : file.tensors().entrySet()) {
      try (NativeScope scope = NativeScope.open();
          Tensor tensor = file.tensor(entry.getKey())) {
        if (tensor.dim() != entry.getValue().shape().size()) {
          throw new AssertionError("not the shape " + entry.getValue());
        }
        // One with strides of 0 may have any number of elements.
        if (tensor.numel() <= MAX_ELEMENTS_READ) {
          tensor.to(ScalarType.Double).sum().item_double();
        }
      }
    }
  }

  private static Path temporaryFile() {
    try {
      Path path = Files.createTempFile("scorecam-fuzz", ".bin");
      path.toFile().deleteOnExit();
      return path;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
