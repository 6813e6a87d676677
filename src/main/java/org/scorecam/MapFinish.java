package org.scorecam;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.mask.Upsampling;
import org.scorecam.tensor.Tensors;

/**
 * How the weighted sum S = Σ wₖ·Aₖ of activation maps becomes a saliency map, and how the maps of
 * several layers become one.
 *
 * <p>With U for the recipe's upsampling to H×W. U is linear, so that U(Σ wₖ·Aₖ) = Σ wₖ·U(Aₖ) and
 * the sum is upsampled once instead of every map. Of series and volumes H×W is one extent or three.
 */
public enum MapFinish {
  /** ReLU(U(S)) at H×W, in the scores' own scale; layers are averaged. */
  RELU {
    @Override
    Tensor layerMap(Tensor sum, Upsampling upsampling, long[] size) {
      return upsampling.apply(sum, size).relu();
    }
  },
  /** M = ReLU(U(S)) at H×W, then (M − min M) / (max M − min M); layers are averaged. */
  RELU_MIN_MAX {
    @Override
    Tensor layerMap(Tensor sum, Upsampling upsampling, long[] size) {
      return minMax(upsampling.apply(sum, size).relu(), 0);
    }
  },
  /**
   * M = ReLU(S) at the layer's h×w, then (M − min M) / (max M − min M + 1e-8); of several layers
   * the largest value counts at each place, at the size of the largest map.
   */
  LAYER_SIZE_MIN_MAX {
    @Override
    Tensor layerMap(Tensor sum, Upsampling upsampling, long[] size) {
      return minMax(sum.relu(), 1e-8);
    }

    @Override
    Tensor fuse(List<Tensor> maps) {
      long[] largest = sizeOf(maps.get(0));
      for (Tensor map : maps) {
        long[] size = sizeOf(map);
        Arrays.setAll(largest, i -> Math.max(largest[i], size[i]));
      }
      return stack(maps, largest).amax(new long[] {0}, false);
    }
  },
  /**
   * With scale(M) = (M − min M) / (1e-7 + max(M − min M)): scale(ReLU(S)) at h×w, resized to H×W as
   * OpenCV's {@code INTER_LINEAR} does, also where there is one extent or three; layers are
   * averaged; scaled once more.
   */
  SCALE_RESIZE_SCALE {
    @Override
    Tensor layerMap(Tensor sum, Upsampling upsampling, long[] size) {
      return Upsampling.BILINEAR.apply(minMax(sum.relu(), 1e-7), size);
    }

    @Override
    Tensor fuse(List<Tensor> maps) {
      return minMax(super.fuse(maps), 1e-7);
    }
  };

  /** [1, 1, h, w] to one layer's map [1, 1, H, W] or [1, 1, h, w]; needs an open scope. */
  abstract Tensor layerMap(Tensor sum, Upsampling upsampling, long[] size);

  /** The maps of one or several layers to the final map; needs an open scope. */
  Tensor fuse(List<Tensor> maps) {
    return stack(maps, sizeOf(maps.get(0))).mean(0);
  }

  private static Tensor stack(List<Tensor> maps, long[] size) {
    TensorVector resized = new TensorVector();
    for (Tensor map : maps) {
      boolean fits = Arrays.equals(sizeOf(map), size);
      resized.push_back(fits ? map : Upsampling.BILINEAR.apply(map, size));
    }
    return torch.stack(resized, 0);
  }

  private static long[] sizeOf(Tensor map) {
    return Tensors.extentsOf(map.select(0, 0));
  }

  private static Tensor minMax(Tensor map, double epsilon) {
    Tensor shifted = map.sub(map.min());
    Tensor divisor = shifted.max().add(new Scalar(epsilon));
    // A blank map stays blank.
    return shifted.div(divisor.where(divisor.ne(new Scalar(0.0)), new Scalar(1.0)));
  }
}
