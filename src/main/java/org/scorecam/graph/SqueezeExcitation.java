package org.scorecam.graph;

/**
 * What scales each channel by what a small network says of all channels' means (Hu et al.,
 * "Squeeze-and-Excitation Networks", CVPR 2018):
 *
 * <p>y = g · s with s = gate(S′ b(S mean(g) + s₁) + s₂)
 *
 * @param squeeze S and s₁, a convolution of 1×1
 * @param activation b
 * @param excite S′ and s₂, likewise
 * @param gate what makes scales of its output, such as a sigmoid
 */
public record SqueezeExcitation(
    PackedConvolution squeeze, Activation activation, PackedConvolution excite, Activation gate) {

  /** Whether it can be part of an {@link InvertedResidual}, for so many channels. */
  boolean fits(long channels) {
    return squeeze.isPointwise()
        && excite.isPointwise()
        && squeeze.inputs() == channels
        && squeeze.outputs() == excite.inputs()
        && excite.outputs() == channels
        && activation.kernelCode() >= 0
        && gate.kernelCode() >= 0;
  }
}
