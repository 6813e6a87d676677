package org.scorecam.mask;

import org.bytedeco.pytorch.Tensor;

/**
 * Makes masked inputs from activation maps. {@link KernelMasker} and {@link TensorMasker} are
 * scorecam's; a masker of your own can do anything else with an image and a map, such as blur what
 * is masked. Stateless and safe for several threads.
 */
public interface Masker {
  /**
   * Looks at one image's activation maps before their masks are written.
   *
   * @param activations float32 [K, h, w]; [K, l] or [K, d, h, w] for a series or a volume; must
   *     stay open until the masks are closed
   * @param image float32 [C, H, W], of the same rank, on the same device; likewise
   * @param rule how a map becomes a mask
   * @return what writes the masked inputs, owned by the caller
   */
  Masks prepare(Tensor activations, Tensor image, MaskRule rule);

  /**
   * What computes the masks, for diagnostics.
   *
   * @return for example {@code LibTorch operations}
   */
  String description();
}
