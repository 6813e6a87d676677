/** Score-CAM for the JVM on LibTorch. */
module org.scorecam {
  requires transitive org.bytedeco.javacpp;
  requires transitive org.bytedeco.pytorch;
  requires org.bytedeco.openblas;
  requires transitive java.desktop;
  requires java.logging;
  requires java.management;
  requires jdk.jfr;
  requires com.google.gson;
  requires com.twelvemonkeys.imageio.core;
  requires com.twelvemonkeys.imageio.jpeg;
  requires com.twelvemonkeys.imageio.tiff;
  requires com.twelvemonkeys.imageio.webp;
  requires static org.bytedeco.opencv;
  requires static info.picocli;
  requires org.apache.commons.compress;
  requires static me.tongfei.progressbar;

  exports org.scorecam;
  exports org.scorecam.demo;
  exports org.scorecam.error;
  exports org.scorecam.eval;
  exports org.scorecam.image;
  exports org.scorecam.mask;
  exports org.scorecam.model;
  exports org.scorecam.nn;
  exports org.scorecam.pipeline;
  exports org.scorecam.runtime;
  exports org.scorecam.scoring;
  exports org.scorecam.tensor;
  exports org.scorecam.weights;
  exports org.scorecam.zoo;

  opens org.scorecam.demo to
      com.google.gson;
  opens org.scorecam.cli to
      info.picocli;

  uses org.scorecam.runtime.SetUpStep;

  provides org.scorecam.runtime.SetUpStep with
      org.scorecam.kernel.TensorMemory,
      org.scorecam.kernel.HugePages,
      org.scorecam.kernel.Winograd,
      org.scorecam.kernel.VisionOperators,
      org.scorecam.runtime.OneDnnCaches,
      org.scorecam.kernel.ExitDuringWork;
}
