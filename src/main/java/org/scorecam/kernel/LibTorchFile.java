package org.scorecam.kernel;

import java.nio.file.Path;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/** Where our native library finds the LibTorch that this process has loaded. */
final class LibTorchFile {
  private LibTorchFile() {}

  static String path() {
    String name = System.mapLibraryName("torch_cpu");
    String binding = Loader.load(torch.class);
    return binding == null ? name : Path.of(binding).resolveSibling(name).toString();
  }
}
