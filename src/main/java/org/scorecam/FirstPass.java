package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.LayerException;
import org.scorecam.error.TargetException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masker;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * The pass of the unmasked inputs: it captures the activation maps of the target layers, of which
 * the {@link Explanation}s are made.
 */
record FirstPass(
    HookedModel model,
    List<String> layers,
    Recipe recipe,
    ChannelSelection channels,
    Masker masker) {
  /**
   * From so many inputs on, a batch is one for which the network may be prepared: only where few
   * masked inputs follow for each are so many explained together, and only there does this pass
   * take a share of the time that counts.
   */
  private static final long LARGE_BATCH = 8;

  /** The target layers' paths as one. */
  String layerNames() {
    return String.join("+", layers);
  }

  /** Runs images [N, C, H, W]; the capture is the caller's. Needs an open scope. */
  Capture capture(Tensor images) {
    Stage.Capture stage = new Stage.Capture(layerNames(), images.size(0));
    Tensor batch = images.contiguous(model.memoryFormat());
    Capture capture =
        images.size(0) >= LARGE_BATCH
            ? model.captureBatch(batch, recipe.watching(layers))
            : model.capture(batch, recipe.watching(layers));
    stage.commit();
    return capture;
  }

  /**
   * Makes an explanation for each image and layer, the layers of an image one after the other.
   *
   * @param images what was captured; like the capture, it must outlive the explanations
   * @param explanations gets them; its owner closes them, also those made before this throws
   */
  void addExplanations(
      Capture capture, Tensor images, List<Target> targets, List<Explanation> explanations) {
    Stage.Plan stage = new Stage.Plan(layerNames());
    for (int i = 0; i < targets.size(); i++) {
      addExplanations(capture, images, i, targets.get(i), explanations);
    }
    stage.passes = explanations.stream().mapToLong(Explanation::passes).sum();
    stage.commit();
  }

  private void addExplanations(
      Capture capture, Tensor images, int i, Target target, List<Explanation> explanations) {
    Tensor output = target.partOf(capture.output());
    if (output.dim() < 1 || output.size(0) != images.size(0)) {
      throw new TargetException(
          "the network's output must have one row for each of the %d inputs; its shape is %s"
              .formatted(images.size(0), Tensors.shapeOf(output)));
    }
    Tensor row = recipe.scored(output.narrow(0, i, 1));
    Target resolved = target.resolve(row);
    float referenceScore = resolved.scores(row).item_float();
    for (int l = 0; l < layers.size(); l++) {
      Tensor maps = capture.activations().get(l);
      requireMaps(layers.get(l), maps, images.size(0));
      explanations.add(
          new Explanation(
              layers.get(l),
              maps.select(0, i).to(ScalarType.Float).contiguous(),
              images.select(0, i),
              resolved,
              referenceScore,
              recipe,
              channels,
              masker));
    }
  }

  /** How many channels of all layers are selected for an input of this size; runs a black one. */
  long selectedChannels(long inputChannels, long height, long width) {
    try (NativeScope scope = NativeScope.open();
        Capture capture =
            model.capture(
                torch.zeros(new long[] {1, inputChannels, height, width}),
                recipe.watching(layers))) {
      long selected = 0;
      for (int l = 0; l < layers.size(); l++) {
        Tensor maps = capture.activations().get(l);
        requireMaps(layers.get(l), maps, 1);
        selected += channels.countOf(maps.size(1));
      }
      return selected;
    }
  }

  private static void requireMaps(String layer, Tensor maps, long images) {
    if (maps.dim() != 4 || maps.size(0) != images || maps.numel() == 0) {
      throw new LayerException(
          "layer '%s' puts out a tensor of shape %s; activation maps have the shape [%d, K, h, w]"
              .formatted(layer, Tensors.shapeOf(maps), images));
    }
  }
}
