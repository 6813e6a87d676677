package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongBiFunction;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Any number of inputs, explained in groups that fit the memory. */
final class InputGroups {
  private InputGroups() {}

  /** Explains the inputs of a group. */
  interface Group {
    /**
     * Explains.
     *
     * @param images float32 [n, C, H, W] on the network's device, contiguous
     * @param targets those of each image
     * @param results gets, for each image and each of its targets, a saliency for each layer; none
     *     if this throws
     * @return how many masked inputs the network ran
     */
    long explain(Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results);
  }

  /**
   * Explains inputs.
   *
   * @param at where
   * @param inputs float32 [N, C, H, W] on any device
   * @param targets those of each input
   * @param atOnce how many inputs a group may have, given the inputs and how many are left
   * @param group explains one; where its memory is short, it is given halves
   * @return for each input and each of its targets a saliency for each layer
   */
  static List<List<List<Saliency>>> explain(
      TargetLayers at,
      Tensor inputs,
      List<List<Target>> targets,
      ToLongBiFunction<Tensor, Long> atOnce,
      Group group) {
    Inputs.requireUsable(inputs, targets);
    return NativeErrors.translateNative(
        () -> explainAll(at, inputs, targets, atOnce, group),
        (words, e) -> Inputs.refusal(inputs, words, e));
  }

  private static List<List<List<Saliency>>> explainAll(
      TargetLayers at,
      Tensor inputs,
      List<List<Target>> targets,
      ToLongBiFunction<Tensor, Long> atOnce,
      Group group) {
    Device device = at.model().device();
    Stage.Whole stage =
        new Stage.Whole(at.name(), at.recipe().name(), device.toString(), Tensors.shapeOf(inputs));
    List<List<List<Saliency>>> results = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      Tensor floats = inputs.to(ScalarType.Float).contiguous();
      // Where they lie, so that nobody waits for a device that they are only on the way to.
      Inputs.requireFinite(floats);
      Tensor onDevice =
          floats.is_cpu()
              ? Tensors.onDevice(floats, device.toTorch())
              : floats.to(device.toTorch(), ScalarType.Float);
      for (long first = 0; first < inputs.size(0); first = results.size()) {
        long left = inputs.size(0) - first;
        long count = Math.min(left, atOnce.applyAsLong(onDevice, left));
        stage.passes += explainFitting(onDevice, targets, (int) first, (int) count, group, results);
      }
      stage.commit();
      return results;
    } catch (RuntimeException | Error e) {
      Saliency.closeAll(results);
      throw e;
    }
  }

  /** Explains some of the inputs; in two halves where all together do not fit the memory. */
  private static long explainFitting(
      Tensor inputs,
      List<List<Target>> targets,
      int first,
      int count,
      Group group,
      List<List<List<Saliency>>> results) {
    try {
      return group.explain(
          inputs.narrow(0, first, count), targets.subList(first, first + count), results);
    } catch (RuntimeException e) {
      if (count == 1 || !NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      int half = count / 2;
      return explainFitting(inputs, targets, first, half, group, results)
          + explainFitting(inputs, targets, first + half, count - half, group, results);
    }
  }
}
