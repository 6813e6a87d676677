package org.scorecam.kernel;

import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/** Where our native library finds the LibTorch that this process has loaded. */
final class LibTorchFile {
  private LibTorchFile() {}

  static String path() {
    return path("torch_cpu");
  }

  /** The file of one of its libraries, by a name such as {@code torch_cuda}. */
  static String path(String library) {
    String name = System.mapLibraryName(library);
    String binding = Loader.load(torch.class);
    return binding == null ? name : Path.of(binding).resolveSibling(name).toString();
  }
}
