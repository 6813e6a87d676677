package org.scorecam.bench;

import java.util.function.UnaryOperator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * A plain Score-CAM on LibTorch, as tiskw/scorecam-pytorch has it: every map at the input's size at
 * once, every masked input at once, the network as it was loaded.
 *
 * <p>It is what {@link org.scorecam.ScoreCam} is compared with, and so uses nothing of ours: above
 * all not our set-up of LibTorch, which {@link org.scorecam.runtime.NativeScope} would bring.
 */
final class PlainScoreCam {
  private static final double EPSILON = 1e-10;
  private static final long BATCH = 128;

  private PlainScoreCam() {}

  /**
   * Explains a class.
   *
   * @param network runs it as it is, float32 and in evaluation mode; puts out [N, classes], which
   *     belongs to the scope that is open
   * @param image [1, C, H, W]
   * @param activations of the target layer for it, [K, h, w]. LibTorch has no hook that would find
   *     them in the pass on the unmasked image, which is run all the same
   * @param classIndex which class
   * @return the map [H, W], owned by the caller
   */
  static Tensor explain(
      UnaryOperator<Tensor> network, Tensor image, Tensor activations, long classIndex) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradients = new NoGradGuard()) {
      Tensor reference = scores(network, image, classIndex); // [1]
      long[] size = {image.size(2), image.size(3)};
      Tensor maps = torch.upsample_bicubic2d(activations.unsqueeze(1), size, false); // [K, 1, H, W]
      Tensor flat = maps.flatten(1, -1);
      Tensor low = flat.amin(new long[] {1}, false).view(-1, 1, 1, 1);
      Tensor high = flat.amax(new long[] {1}, false).view(-1, 1, 1, 1);
      Tensor masks = maps.sub(low).div(high.sub(low).add(new Scalar(EPSILON)));
      Tensor masked = masks.mul(image); // [K, C, H, W]
      TensorVector parts = new TensorVector();
      for (long first = 0; first < masked.size(0); first += BATCH) {
        long count = Math.min(BATCH, masked.size(0) - first);
        parts.push_back(scores(network, masked.narrow(0, first, count), classIndex));
      }
      Tensor weights = torch.softmax(torch.cat(parts, 0).sub(reference), 0).view(-1, 1, 1, 1);
      Tensor sum = maps.mul(weights).sum(new long[] {0}, false, null);
      return sum.squeeze(0).relu().<Tensor>retainReference();
    }
  }

  /** A TorchScript network as it was loaded. */
  static UnaryOperator<Tensor> of(JitModule network) {
    return inputs -> network.forward(new IValueVector(new IValue(inputs))).toTensor();
  }

  private static Tensor scores(UnaryOperator<Tensor> network, Tensor inputs, long classIndex) {
    return network.apply(inputs).select(1, classIndex);
  }
}
