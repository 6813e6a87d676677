package org.scorecam.cli;

import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** The inputs that {@code --tensor} names. */
final class InputTensor {
  private InputTensor() {}

  /**
   * Reads inputs [N, C, H, W], or one input [C, H, W].
   *
   * @param file as {@link NpyFile#read} takes it
   * @return float32 [N, C, H, W], owned by the caller
   * @throws InputException if the file cannot be read, or has another number of dimensions
   */
  static Tensor read(Path file) {
    try (NativeScope scope = NativeScope.open()) {
      Tensor stored = NpyFile.read(file);
      if (stored.dim() != 3 && stored.dim() != 4) {
        throw new InputException(
            "%s has the shape %s, but inputs have the shape [N, C, H, W], or [C, H, W] for one"
                .formatted(file, Tensors.shapeOf(stored)));
      }
      return scope.keep(stored.dim() == 3 ? stored.unsqueeze(0) : stored);
    }
  }
}
