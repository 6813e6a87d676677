package org.scorecam.kernel.cuda;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;
import org.scorecam.kernel.CpuBindingConfig;

/** As {@link CpuBindingConfig}, for {@code scorecam_cuda.h} and {@code libscorecam_cuda}. */
@Properties(
    inherit = CpuBindingConfig.class,
    value =
        @Platform(
            compiler = "cpp17",
            include = "scorecam_cuda.h",
            link = "scorecam_cuda",
            library = "jniscorecam_cuda"),
    target = "org.scorecam.kernel.cuda",
    global = "org.scorecam.kernel.cuda.CudaBinding")
public class CudaBindingConfig implements InfoMapper {
  /** For JavaCPP, which makes one. */
  public CudaBindingConfig() {}

  @Override
  public void map(InfoMap names) {}
}
