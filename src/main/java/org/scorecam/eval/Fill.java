package org.scorecam.eval;

import java.util.Locale;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.tensor.Tensors;

/** What stands where pixels are deleted, and before they are inserted. */
public enum Fill {
  /**
   * 0 in every channel of the network's input, as torch-cam's baseline, RISE's deletion and the
   * masks of Score-CAM: the mean colour of the normalisation, black where there is none.
   */
  BLACK {
    @Override
    Tensor of(Tensor input) {
      return torch.zeros_like(input);
    }
  },
  /**
   * The input, blurred as RISE's code does it for insertion: by a Gaussian of standard deviation 5
   * in a window of 11×11, with zeros outside of the input.
   */
  BLUR {
    @Override
    Tensor of(Tensor input) {
      float[] line = blurLine();
      float[] square = new float[WINDOW * WINDOW];
      for (int i = 0; i < square.length; i++) {
        square[i] = line[i / WINDOW] * line[i % WINDOW];
      }
      long[] one = {1, 1};
      long[] half = {WINDOW / 2, WINDOW / 2};
      try (Tensor made = Tensors.of(square, 1, 1, WINDOW, WINDOW)) {
        Tensor kernel = made.to(input.device(), ScalarType.Float);
        return torch
            .conv2d(input.unsqueeze(1), kernel, new TensorOptional(), one, half, one, 1)
            .squeeze(1);
      }
    }
  },
  /** The mean of each channel of the input. */
  MEAN {
    @Override
    Tensor of(Tensor input) {
      return input.mean(new long[] {1, 2}, true, new ScalarTypeOptional()).expand_as(input);
    }
  };

  private static final int WINDOW = 11;
  private static final double SIGMA = 5;

  /** Where the Gaussian is cut off, as SciPy does. */
  private static final int RADIUS = (int) (4 * SIGMA);

  /** For an input [C, H, W] one of that shape; needs an open scope. */
  abstract Tensor of(Tensor input);

  /** RISE filters a peak in the window with SciPy, which reflects the Gaussian at its edges. */
  private static float[] blurLine() {
    double[] line = new double[WINDOW];
    double sum = 0;
    for (int i = 0; i < WINDOW; i++) {
      for (int d = -RADIUS; d <= RADIUS; d++) {
        int place = Math.floorMod(i + d, 2 * WINDOW);
        boolean isPeak = (place < WINDOW ? place : 2 * WINDOW - 1 - place) == WINDOW / 2;
        line[i] += isPeak ? Math.exp(-d * d / (2 * SIGMA * SIGMA)) : 0;
      }
      sum += line[i];
    }
    float[] scaled = new float[WINDOW];
    for (int i = 0; i < WINDOW; i++) {
      scaled[i] = (float) (line[i] / sum);
    }
    return scaled;
  }

  /**
   * The name.
   *
   * @return such as {@code black}
   */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
