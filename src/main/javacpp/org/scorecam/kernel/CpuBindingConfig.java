package org.scorecam.kernel;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * Tells JavaCPP's parser what to make of {@code scorecam.h}, and its loader what to load: {@code
 * libscorecam} and the {@code libjniscorecam} that is generated from this.
 */
@Properties(
    value =
        @Platform(
            compiler = "cpp17",
            include = "scorecam.h",
            link = "scorecam",
            library = "jniscorecam"),
    target = "org.scorecam.kernel",
    global = "org.scorecam.kernel.CpuBinding")
public class CpuBindingConfig implements InfoMapper {
  /** For JavaCPP, which makes one. */
  public CpuBindingConfig() {}

  @Override
  public void map(InfoMap names) {
    names
        .put(new Info("SCORECAM_API").cppTypes().annotations())
        .put(new Info("scorecam_status").cast().valueTypes("int"))
        .put(new Info("scorecam_tensor").pointerTypes("TensorView"))
        .put(new Info("scorecam_masking").pointerTypes("Masking"))
        .put(new Info("scorecam_range").pointerTypes("ChannelRange"))
        .put(new Info("scorecam_convolution").pointerTypes("Convolution"))
        .put(new Info("scorecam_bounded_pointwise").pointerTypes("BoundedPointwiseConvolution"))
        .put(new Info("scorecam_bounded_pointwise_weights").pointerTypes("BoundedPointwiseWeights"))
        .put(new Info("scorecam_inverted_residual").pointerTypes("InvertedResidualBlock"))
        .put(new Info("scorecam_inverted_residual_weights").pointerTypes("InvertedResidualWeights"))
        .put(new Info("scorecam_window").pointerTypes("FilterWindow"))
        .put(new Info("scorecam_stem").pointerTypes("StemSource"))
        .put(new Info("scorecam_source").pointerTypes("MaskSource"));
  }
}
