package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.model.Capture;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * Explains a batch of inputs in groups: a {@link FirstPass} makes a group's {@link Explanation}s,
 * {@link PassScoring} scores their masked inputs in chunks, and each explanation turns its scores
 * into a {@link Saliency}. Safe for several threads.
 */
final class BatchExplainer {
  /** In place of the number of a layer's channels while it is not known. */
  private static final long MANY = 1 << 16;

  /** So many chunks that one which is not full does not matter. */
  private static final long FULL_CHUNKS = 8;

  private static final long MOST_INPUTS = 32;

  private final FirstPass firstPass;
  private final PassScoring scoring;

  /** Selected channels of all target layers together; 0 before an input has shown them. */
  private volatile long seenPassesPerInput;

  BatchExplainer(FirstPass firstPass, PassScoring scoring) {
    this.firstPass = firstPass;
    this.scoring = scoring;
  }

  /** As {@link ScoreCam#explainBatchLayers}. */
  List<List<Saliency>> explain(Tensor inputs, List<Target> targets) {
    Inputs.requireUsable(inputs, targets);
    Device device = firstPass.model().device();
    Stage.Whole stage =
        new Stage.Whole(
            firstPass.layerNames(),
            firstPass.recipe().name(),
            device.toString(),
            Tensors.shapeOf(inputs));
    List<List<Saliency>> results = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      Tensor onDevice = inputs.to(device.toTorch(), ScalarType.Float).contiguous();
      Inputs.requireFinite(onDevice);
      for (long first = 0; first < inputs.size(0); first = results.size()) {
        long count = inputsAtOnce(onDevice, inputs.size(0) - first);
        explainFitting(onDevice, targets, (int) first, (int) count, results);
      }
      stage.passes =
          results.stream().flatMap(List::stream).mapToLong(map -> map.status().passes()).sum();
      stage.commit();
      return results;
    } catch (RuntimeException | Error e) {
      results.forEach(maps -> maps.forEach(Saliency::close));
      throw e;
    }
  }

  /** As {@link ScoreCam#inputsPerGroup}. */
  int inputsPerGroup() {
    long passes = FULL_CHUNKS * ChunkProfile.USUAL_ROWS;
    return (int) Math.max(1, Math.min(MOST_INPUTS, passes / passesPerInput()));
  }

  private long passesPerInput() {
    long seen = seenPassesPerInput;
    return seen > 0 ? seen : firstPass.channels().countOf(MANY) * firstPass.layers().size();
  }

  /** How many inputs the first pass sees at once: no more than a chunk has. */
  private long inputsAtOnce(Tensor inputs, long left) {
    long count = Math.min(left, inputsPerGroup());
    if (count == 1) {
      return 1;
    }
    ChunkPlan plan =
        scoring.plan(count * passesPerInput(), inputs.size(1), inputs.size(2), inputs.size(3));
    return Math.min(count, plan.rows());
  }

  /** Explains some of the inputs; in two halves where all together do not fit the memory. */
  private void explainFitting(
      Tensor inputs, List<Target> targets, int first, int count, List<List<Saliency>> results) {
    try {
      results.addAll(
          explainGroup(inputs.narrow(0, first, count), targets.subList(first, first + count)));
    } catch (RuntimeException e) {
      if (count == 1 || !NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      explainFitting(inputs, targets, first, count / 2, results);
      explainFitting(inputs, targets, first + count / 2, count - count / 2, results);
    }
  }

  private List<List<Saliency>> explainGroup(Tensor images, List<Target> targets) {
    List<Explanation> explanations = new ArrayList<>();
    List<Saliency> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        Capture capture = firstPass.capture(images)) {
      firstPass.addExplanations(capture, images, targets, explanations);
      long selected = explanations.stream().mapToLong(Explanation::selectedChannels).sum();
      seenPassesPerInput = selected / targets.size();
      ChunkPlan plan = scoring.score(explanations, images, selected);
      for (Explanation explanation : explanations) {
        maps.add(explanation.toSaliency(plan));
      }
    } catch (RuntimeException | Error e) {
      maps.forEach(Saliency::close);
      throw e;
    } finally {
      explanations.forEach(Explanation::close);
    }
    int layers = firstPass.layers().size();
    List<List<Saliency>> byImage = new ArrayList<>();
    for (int i = 0; i < maps.size(); i += layers) {
      byImage.add(List.copyOf(maps.subList(i, i + layers)));
    }
    return byImage;
  }
}
