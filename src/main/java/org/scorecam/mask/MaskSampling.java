package org.scorecam.mask;

import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.runtime.NativeScope;

/**
 * Into how many masked inputs a mask goes, and how these differ: the score of a channel is the mean
 * of theirs. With M for a mask, X for the image, f for the target's score and N for the samples:
 *
 * <ul>
 *   <li>{@link #once}: f(X ∘ M), Score-CAM as it is
 *   <li>{@link #noise}: 1/N · Σᵢ f(X ∘ (M + δᵢ)), SS-CAM
 *   <li>{@link #scaled}: 1/N · Σᵢ f(cᵢ · X ∘ M), IS-CAM
 * </ul>
 *
 * <p>Stateless and safe for several threads, as one of your own must be.
 */
public interface MaskSampling {
  /**
   * How many masked inputs a mask goes into.
   *
   * @return at least 1
   */
  int samples();

  /**
   * Prepares to change the masked inputs of an image.
   *
   * @param image float32 [C, H, W] on the network's device; must stay open until the samples are
   *     closed
   * @return what changes them, owned by the caller
   */
  Samples of(Tensor image);

  /** Changes masked inputs of one image. Safe for several threads. */
  interface Samples extends AutoCloseable {
    /**
     * Makes one of the samples. A scope is open.
     *
     * @param sample from 0
     * @param row the image under a mask, [C, H, W] in the scorer's dtype and layout; is changed
     */
    void apply(int sample, Tensor row);

    /** Frees what the preparation made. Closing again does nothing. */
    @Override
    void close();
  }

  /**
   * One masked input for each mask, as it is: Score-CAM.
   *
   * @return the sampling
   */
  static MaskSampling once() {
    return new Once();
  }

  /**
   * Noise on the masks: SS-CAM (arXiv 2006.14255).
   *
   * <p>αₖ = 1/N · Σᵢ f(X ∘ (Mₖ + δᵢ)), δᵢ ~ 𝒩(0, σ²) at every place, the same for all colours of a
   * place, and nothing is clipped. That is what torch-cam's {@code SSCAM} computes, whose defaults
   * are N = 35 and σ = 2; wₖ is then the softmax of αₖ. The paper has a second variant, with noise
   * on the masked input instead of the mask, which is not this one.
   *
   * <p>torch-cam draws new noise for every channel. Here all channels get the same N maps of noise:
   * the expectation is the same, and what the noise does to all channels alike falls out of the
   * softmax, which leaves less of it in the map. The maps are those of {@link Random} with the
   * seed, {@code nextGaussian()} by {@code nextGaussian()} in row-major order: the same on every
   * machine and device, in chunks of any size, and for every input of a size.
   *
   * @param samples N
   * @param std σ, where masks go from 0 to 1
   * @param seed of the noise
   * @return the sampling
   * @throws IllegalArgumentException if there is less than 1 sample, or the standard deviation is
   *     not above 0 and finite
   */
  static MaskSampling noise(int samples, double std, long seed) {
    return new Noise(samples, std, seed);
  }

  /**
   * Masks that fade in: IS-CAM (arXiv 2010.03023).
   *
   * <p>The paper integrates over the masked input from nothing to the whole of it: αₖ = 1/N · Σᵢ
   * f(i/N · X ∘ Mₖ), i = 1 … N. What torch-cam's {@code ISCAM} publishes, and this computes, adds
   * the steps up instead: αₖ = 1/N · Σᵢ f(cᵢ · X ∘ Mₖ) with cᵢ = Σⱼ₌₁…ᵢ j/N = i·(i + 1)/(2·N), so
   * that with its default N = 10 the last masked input is 5.5 times the picture. wₖ is then the
   * softmax of αₖ.
   *
   * @param samples N
   * @return the sampling
   * @throws IllegalArgumentException if there is less than 1 sample
   */
  static MaskSampling scaled(int samples) {
    return new Scaled(samples);
  }

  private static void requireSamples(int samples) {
    if (samples < 1) {
      throw new IllegalArgumentException("samples must be at least 1, not " + samples);
    }
  }

  /** {@link #once}. */
  record Once() implements MaskSampling {
    @Override
    public int samples() {
      return 1;
    }

    @Override
    public Samples of(Tensor image) {
      return new Samples() {
        @Override
        public void apply(int sample, Tensor row) {
          // The masked input as it is.
        }

        @Override
        public void close() {
          // Nothing was prepared.
        }
      };
    }
  }

  /**
   * {@link #noise}.
   *
   * @param samples N
   * @param std σ
   * @param seed of the noise
   */
  record Noise(int samples, double std, long seed) implements MaskSampling {
    /**
     * Checks the values.
     *
     * @param samples N
     * @param std σ
     * @param seed of the noise
     */
    public Noise {
      requireSamples(samples);
      if (!(std > 0) || Double.isInfinite(std)) {
        throw new IllegalArgumentException(
            "the noise's standard deviation must be above 0 and finite, not " + std);
      }
    }

    @Override
    public Samples of(Tensor image) {
      long[] places = image.shape();
      places[0] = samples;
      try (NativeScope scope = NativeScope.open()) {
        Tensor values = Tensor.create(values(Math.toIntExact(image.select(0, 0).numel())));
        Tensor noise = scope.keep(values.view(places).to(image.device(), values.scalar_type()));
        return new Samples() {
          @Override
          public void apply(int sample, Tensor row) {
            // X ∘ (M + δ) = X ∘ M + X ∘ δ
            row.add_(noise.select(0, sample).mul(image));
          }

          @Override
          public void close() {
            noise.close();
          }
        };
      }
    }

    private float[] values(int places) {
      Random random = new Random(seed);
      float[] values = new float[Math.multiplyExact(samples, places)];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) (random.nextGaussian() * std);
      }
      return values;
    }
  }

  /**
   * {@link #scaled}.
   *
   * @param samples N
   */
  record Scaled(int samples) implements MaskSampling {
    /**
     * Checks the number.
     *
     * @param samples N
     */
    public Scaled {
      requireSamples(samples);
    }

    @Override
    public Samples of(Tensor image) {
      return new Samples() {
        @Override
        public void apply(int sample, Tensor row) {
          long i = sample + 1L;
          row.mul_(new Scalar(i * (i + 1) / (2.0 * samples)));
        }

        @Override
        public void close() {
          // Nothing was prepared.
        }
      };
    }
  }
}
