package org.scorecam;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.LayerException;
import org.scorecam.error.TargetException;
import org.scorecam.model.Capture;
import org.scorecam.model.InputShape;
import org.scorecam.model.Watch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * The pass of the unmasked images: the activation maps of the target layers, and the output that a
 * target is resolved for.
 */
final class FirstPass implements AutoCloseable {
  /**
   * From so many inputs on, a batch is one for which the network may be prepared: only where few
   * masked inputs follow for each are so many explained together, and only there does this pass
   * take a share of the time that counts.
   */
  private static final long LARGE_BATCH = 8;

  private final Configuration configuration;
  private final Tensor images;
  private final Capture capture;

  private FirstPass(Configuration configuration, Tensor images, Capture capture) {
    this.configuration = configuration;
    this.images = images;
    this.capture = capture;
  }

  /**
   * Runs images. Needs an open scope.
   *
   * @param images [N, C, H, W] on the network's device; must stay open
   */
  static FirstPass of(Configuration configuration, Tensor images) {
    Stage.Capture stage = new Stage.Capture(configuration.layerNames(), images.size(0));
    Tensor batch = images.contiguous(configuration.model().memoryFormat());
    Watch watch = configuration.recipe().watching(configuration.layers());
    Capture capture =
        images.size(0) >= LARGE_BATCH
            ? configuration.model().captureBatch(batch, watch)
            : configuration.model().capture(batch, watch);
    stage.commit();
    return new FirstPass(configuration, images, capture);
  }

  /** How many masked inputs of all layers an input of a shape has; runs a black one. */
  static long maskedInputs(Configuration configuration, InputShape shape) {
    try (NativeScope scope = NativeScope.open();
        FirstPass pass = of(configuration, torch.zeros(shape.batchOf(1)))) {
      long selected = 0;
      for (int l = 0; l < configuration.layers().size(); l++) {
        selected += configuration.channels().countOf(pass.maps(l).size(1));
      }
      return selected * configuration.sampling().samples();
    }
  }

  /**
   * Selects the channels of each image at each layer and plans their passes, the layers of an image
   * one after the other. Needs an open scope.
   *
   * @param targets those of each image
   * @param scorings gets the channels; its owner closes them, also those made before this throws,
   *     and before this pass is closed
   */
  void addChannels(List<List<Target>> targets, List<ChannelScoring> scorings) {
    Stage.Plan stage = new Stage.Plan(configuration.layerNames());
    for (int i = 0; i < targets.size(); i++) {
      addChannelsOf(i, targets.get(i), scorings);
    }
    stage.passes = scorings.stream().mapToLong(ChannelScoring::passes).sum();
    stage.commit();
  }

  private void addChannelsOf(int image, List<Target> targets, List<ChannelScoring> scorings) {
    List<ResolvedTarget> resolved = targets.stream().map(target -> resolve(image, target)).toList();
    for (int l = 0; l < configuration.layers().size(); l++) {
      scorings.add(
          new ChannelScoring(
              configuration,
              configuration.layers().get(l),
              maps(l).select(0, image).to(ScalarType.Float).contiguous(),
              images.select(0, image),
              resolved));
    }
  }

  private ResolvedTarget resolve(int image, Target target) {
    Tensor output = target.partOf(capture.output());
    if (output.dim() < 1 || output.size(0) != images.size(0)) {
      throw new TargetException(
          "the network's output must have one row for each of the %d inputs; its shape is %s"
              .formatted(images.size(0), Tensors.shapeOf(output)));
    }
    Tensor row = configuration.recipe().scored(output.narrow(0, image, 1));
    Target resolved = target.resolve(row);
    return new ResolvedTarget(resolved, resolved.scores(row).item_float());
  }

  /** A layer's activation maps [N, K, h, w]. */
  private Tensor maps(int layer) {
    Tensor maps = capture.activations().get(layer);
    if (maps.dim() != 4 || maps.size(0) != images.size(0) || maps.numel() == 0) {
      throw new LayerException(
          "layer '%s' puts out a tensor of shape %s; activation maps must have the shape [%d, K, h, w]"
              .formatted(configuration.layers().get(layer), Tensors.shapeOf(maps), images.size(0)));
    }
    return maps;
  }

  @Override
  public void close() {
    capture.close();
  }
}
