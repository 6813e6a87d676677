package org.scorecam.kernel;

import java.util.Set;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchSettings;
import org.scorecam.runtime.OperatorLibraries;
import org.scorecam.runtime.SetUpStep;

/**
 * Two of torchvision's operators, which most networks that find boxes call: non-maximum suppression
 * and RoIAlign (He et al., "Mask R-CNN", ICCV 2017). They are defined when the first network from a
 * file calls them and torchvision's own library is not loaded, and not before, so that it can be.
 *
 * <p>Schemas and results are torchvision's. Tensors on a CUDA device are copied to the CPU, and
 * results back.
 */
public final class VisionOperators implements SetUpStep {
  private static final Set<String> NAMES = Set.of("torchvision::nms", "torchvision::roi_align");

  private static volatile boolean allowed;

  /** For the service loader. */
  public VisionOperators() {}

  @Override
  public String name() {
    return "torchvision's operators";
  }

  @Override
  public String apply(LibTorchSettings settings) {
    if (!settings.isOn(LibTorchSettings.VISION_OPERATORS)) {
      return settings.leftAlone(LibTorchSettings.VISION_OPERATORS);
    }
    return NativeSetting.apply(
        () -> {
          allowed = true;
          return new NativeSetting.Outcome(
              CpuBinding.SCORECAM_STATUS_OK, "nms and roi_align, if a network calls them");
        });
  }

  /**
   * Defines operators that a network calls and nobody has defined, if all of them are ours.
   *
   * @param missing such as {@code torchvision::nms}
   * @return whether they are defined now; otherwise none is
   */
  public static boolean define(Set<String> missing) {
    LibTorch.load();
    return allowed
        && NAMES.containsAll(missing)
        && missing.stream()
            .allMatch(name -> OperatorLibraries.standIn(name, () -> isDefined(name)));
  }

  private static boolean isDefined(String name) {
    return CpuBinding.scorecam_define_vision_operator(LibTorchFile.path(), name)
        == CpuBinding.SCORECAM_STATUS_OK;
  }
}
