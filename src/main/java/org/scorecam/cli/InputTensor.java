package org.scorecam.cli;

import java.nio.file.Path;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** The inputs that {@code --tensor} names. */
final class InputTensor {
  private InputTensor() {}

  /**
   * Reads inputs [N, C, H, W], [N, C, L] or [N, C, D, H, W], or one input [C, H, W].
   *
   * @param file as {@link NpyFile#read} takes it
   * @return float32, owned by the caller
   * @throws InputException if the file cannot be read, or has another number of dimensions
   */
  static Tensor read(Path file) {
    Tensor stored = NpyFile.read(file);
    if (stored.dim() < 3 || stored.dim() > 5) {
      try (stored) {
        throw new InputException(
            "%s has the shape %s, but inputs have the shape [N, C, H, W], or [C, H, W] for one; of series [N, C, L], of volumes [N, C, D, H, W]"
                .formatted(file, Tensors.shapeOf(stored)));
      }
    }
    return stored;
  }

  /**
   * Uses inputs with their batch's dimension. Three dimensions can be one picture [C, H, W] or
   * series [N, C, L]: the network says which, since it takes only one of the two.
   *
   * @param file that they were read from
   * @param use throws {@link InputException} if the network does not take what it is given
   */
  static void use(Tensor stored, Path file, Consumer<Tensor> use) {
    if (stored.dim() != 3) {
      use.accept(stored);
      return;
    }
    try (Tensor picture = stored.unsqueeze(0)) {
      use.accept(picture);
    } catch (InputException asPicture) {
      try {
        use.accept(stored);
      } catch (InputException asSeries) {
        throw new InputException(
            "%s can be explained neither as a picture [C, H, W] (%s) nor as series [N, C, L] (%s)"
                .formatted(file, asPicture.getMessage(), asSeries.getMessage()),
            asPicture);
      }
    }
  }
}
