package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.model.InputShape;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.scoring.PassScoring;
import org.scorecam.tensor.Tensors;

/**
 * The way of a batch of inputs to their saliency maps, in groups: a {@link FirstPass} captures the
 * activation maps, {@link ChannelScoring} has the channels that are selected, {@link PassScoring}
 * scores their masked inputs in chunks, and the scores become weights and these the {@link
 * Saliency}. Safe for several threads.
 */
final class BatchExplainer {
  /** In place of the number of a layer's channels while it is not known. */
  private static final long MANY = 1 << 16;

  /** So many full chunks of usual rows that a last one which is not full does not matter. */
  private static final long FULL_GROUP = 8 * 32;

  private static final long MOST_INPUTS = 32;

  private final Configuration configuration;
  private final PassScoring scoring;

  /** Selected channels of all target layers together; 0 before an input has shown them. */
  private volatile long seenPassesPerInput;

  BatchExplainer(Configuration configuration, PassScoring scoring) {
    this.configuration = configuration;
    this.scoring = scoring;
  }

  /**
   * Explains inputs.
   *
   * @param inputs float32 [N, C, H, W]
   * @param targets those of each input
   * @return for each input and each of its targets a saliency for each layer
   */
  List<List<List<Saliency>>> explain(Tensor inputs, List<List<Target>> targets) {
    Inputs.requireUsable(inputs, targets);
    return NativeErrors.translateNative(
        () -> explainAll(inputs, targets), (words, e) -> Inputs.refusal(inputs, words, e));
  }

  private List<List<List<Saliency>>> explainAll(Tensor inputs, List<List<Target>> targets) {
    Device device = configuration.model().device();
    Stage.Whole stage =
        new Stage.Whole(
            configuration.layerNames(),
            configuration.recipe().name(),
            device.toString(),
            Tensors.shapeOf(inputs));
    List<List<List<Saliency>>> results = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      Tensor onDevice = inputs.to(device.toTorch(), ScalarType.Float).contiguous();
      Inputs.requireFinite(onDevice);
      for (long first = 0; first < inputs.size(0); first = results.size()) {
        long count = inputsAtOnce(onDevice, inputs.size(0) - first);
        stage.passes += explainFitting(onDevice, targets, (int) first, (int) count, results);
      }
      stage.commit();
      return results;
    } catch (RuntimeException | Error e) {
      results.stream().flatMap(List::stream).flatMap(List::stream).forEach(Saliency::close);
      throw e;
    }
  }

  /** As {@link ScoreCam#inputsPerGroup}. */
  int inputsPerGroup() {
    return (int) Math.max(1, Math.min(MOST_INPUTS, FULL_GROUP / passesPerInput()));
  }

  private long passesPerInput() {
    long seen = seenPassesPerInput;
    return seen > 0
        ? seen
        : configuration.channels().countOf(MANY)
            * configuration.layers().size()
            * configuration.sampling().samples();
  }

  /** How many inputs the first pass sees at once: no more than a chunk has. */
  private long inputsAtOnce(Tensor inputs, long left) {
    long count = Math.min(left, inputsPerGroup());
    return count == 1
        ? 1
        : Math.min(
            count, scoring.plan(InputShape.ofRowsIn(inputs), count * passesPerInput()).rows());
  }

  /**
   * Explains some of the inputs; in two halves where all together do not fit the memory.
   *
   * @return how many masked inputs the network ran
   */
  private long explainFitting(
      Tensor inputs,
      List<List<Target>> targets,
      int first,
      int count,
      List<List<List<Saliency>>> results) {
    try {
      return explainGroup(
          inputs.narrow(0, first, count), targets.subList(first, first + count), results);
    } catch (RuntimeException e) {
      if (count == 1 || !NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      int half = count / 2;
      return explainFitting(inputs, targets, first, half, results)
          + explainFitting(inputs, targets, first + half, count - half, results);
    }
  }

  private long explainGroup(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    List<ChannelScoring> channels = new ArrayList<>();
    List<List<Saliency>> maps = new ArrayList<>();
    List<SampledInputs> sampled = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass firstPass = FirstPass.of(configuration, images, targets)) {
      firstPass.addChannels(channels);
      for (int i = 0; configuration.isSampled() && i < channels.size(); i++) {
        Tensor image = images.select(0, i / configuration.layers().size());
        sampled.add(new SampledInputs(channels.get(i), configuration.sampling(), image));
      }
      List<? extends MaskedInputs> inputs = configuration.isSampled() ? sampled : channels;
      long selected =
          channels.stream().mapToLong(ChannelScoring::selectedChannels).sum()
              * configuration.sampling().samples();
      seenPassesPerInput = selected / targets.size();
      ChunkPlan plan = scoring.score(inputs, InputShape.ofRowsIn(images), selected);
      for (String note : firstPass.notes()) {
        plan = plan.noting(note);
      }
      for (ChannelScoring scored : channels) {
        maps.add(scored.toSaliencies(plan));
      }
      int layers = configuration.layers().size();
      for (int i = 0; i < maps.size(); i += layers) {
        results.add(byTarget(maps.subList(i, i + layers)));
      }
      return inputs.stream().mapToLong(MaskedInputs::passes).sum();
    } catch (RuntimeException | Error e) {
      maps.forEach(ofTargets -> ofTargets.forEach(Saliency::close));
      throw e;
    } finally {
      sampled.forEach(SampledInputs::close);
      channels.forEach(ChannelScoring::close);
    }
  }

  /** From the maps of each target for each layer to those of each layer for each target. */
  private static List<List<Saliency>> byTarget(List<List<Saliency>> byLayer) {
    return IntStream.range(0, byLayer.get(0).size())
        .mapToObj(t -> byLayer.stream().map(ofTargets -> ofTargets.get(t)).toList())
        .toList();
  }
}
