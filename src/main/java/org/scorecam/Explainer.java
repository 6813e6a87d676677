package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.PrecisionException;
import org.scorecam.error.TargetException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * A method that explains what a network looked at: from an input and a target to a {@link
 * Saliency}. {@link ScoreCam} is the first of them; what takes an explainer takes any.
 *
 * <p>Built once and used for any number of inputs, by several threads. {@link #close()} must not
 * run beside other calls.
 */
public interface Explainer extends AutoCloseable {
  /**
   * Explains one input.
   *
   * @param input float32 [1, C, H, W] or [C, H, W] on any device; not changed. Of networks for
   *     series and volumes [1, C, L] and [1, C, D, H, W]
   * @param target what is explained
   * @return the saliency map, fused where there are several target layers; owned by the caller
   * @throws InputException if the input is empty, not finite, or the network cannot run it
   * @throws TargetException if the target does not fit the network's output
   * @throws LayerException if a target layer's output holds no activation maps, or may hold them in
   *     several layouts
   * @throws PrecisionException if a reduced precision was chosen and does not hold
   * @throws org.scorecam.error.NativeMemoryException if there is not enough native memory
   */
  default Saliency explain(Tensor input, Target target) {
    try (NativeScope scope = NativeScope.open()) {
      List<Target> targets = List.of(requireNonNull(target, "target"));
      return Inputs.explainOne(input, batch -> explainBatch(batch, targets)).get(0);
    }
  }

  /**
   * Explains a picture with its channels last.
   *
   * @param image H×W×C values, preprocessed as the network wants them
   * @param target what is explained
   * @return as {@link #explain(Tensor, Target)}
   */
  default Saliency explain(float[][][] image, Target target) {
    try (Tensor input = Tensors.ofImage(image)) {
      return explain(input, target);
    }
  }

  /**
   * Explains a picture of one channel.
   *
   * @param image H×W values, preprocessed as the network wants them
   * @param target what is explained
   * @return as {@link #explain(Tensor, Target)}
   */
  default Saliency explain(float[][] image, Target target) {
    try (Tensor input = Tensors.ofImage(image)) {
      return explain(input, target);
    }
  }

  /**
   * Explains one input for several targets, such as the classes that a network hesitates between.
   * The maps are those that each target has by itself; see {@link #explainBatchTargets}.
   *
   * @param input as for {@link #explain(Tensor, Target)}
   * @param targets one or more; one that occurs twice is explained twice
   * @return a saliency map for each target in their order, fused where there are several target
   *     layers, each owned by the caller
   * @throws InputException as {@link #explain(Tensor, Target)}, and if there is no target
   */
  default List<Saliency> explain(Tensor input, List<Target> targets) {
    try (NativeScope scope = NativeScope.open()) {
      return Inputs.explainOne(input, batch -> explainBatchTargets(batch, List.of(targets))).get(0);
    }
  }

  /**
   * Explains several inputs.
   *
   * @param inputs float32 [N, C, H, W] on any device; not changed. Of networks for series and
   *     volumes [N, C, L] and [N, C, D, H, W]
   * @param targets N targets
   * @return N saliency maps, fused where there are several target layers, each owned by the caller
   * @throws InputException as {@link #explain(Tensor, Target)}, and if there are not N targets
   */
  default List<Saliency> explainBatch(Tensor inputs, List<Target> targets) {
    return explainBatchTargets(inputs, Inputs.oneTargetEach(targets)).stream()
        .map(ofOneTarget -> ofOneTarget.get(0))
        .toList();
  }

  /**
   * Explains several inputs for several targets each.
   *
   * @param inputs as for {@link #explainBatch}
   * @param targets for each of the N inputs its targets, one or more
   * @return for each input a saliency map for each of its targets, fused where there are several
   *     target layers, each owned by the caller
   * @throws InputException as {@link #explainBatch}, and if an input has no target
   */
  List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets);

  /**
   * How many inputs {@link #explainBatch} works well with: few where each alone keeps the network
   * busy, more where it has little to run for each.
   *
   * @return from 1 to 32
   */
  int inputsPerGroup();

  /**
   * Where the network runs.
   *
   * @return the model's device
   */
  Device device();

  /** Frees what the explainer made. The model stays open. Closing again does nothing. */
  @Override
  void close();
}
