package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.GradientException;
import org.scorecam.error.TargetException;
import org.scorecam.model.Capture;
import org.scorecam.model.GradientCapture;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
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

  /** Those of each image. */
  private final List<List<ResolvedTarget>> targets;

  /**
   * As the layers' outputs, by the place of a target among its image's, then by the layer; empty
   * where channels are selected without.
   */
  private final List<List<Tensor>> gradients;

  /** How each layer's output holds its maps. */
  private final List<LayerMaps> layouts;

  /** Takes over the capture and the gradients, and closes them if they do not fit. */
  private FirstPass(
      Configuration configuration,
      Tensor images,
      Capture capture,
      List<List<ResolvedTarget>> targets,
      List<List<Tensor>> gradients) {
    this.configuration = configuration;
    this.images = images;
    this.capture = capture;
    this.targets = targets;
    this.gradients = gradients;
    try {
      this.layouts =
          IntStream.range(0, configuration.layers().size()).mapToObj(this::layoutOf).toList();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private LayerMaps layoutOf(int layer) {
    String path = configuration.layers().get(layer);
    return LayerMaps.of(
        path,
        capture.activations().get(layer),
        images,
        configuration.layout().or(() -> configuration.model().layoutOf(path)));
  }

  /** What was taken for granted. */
  List<String> notes() {
    return Stream.concat(
            Inputs.doubtOf(images).stream(),
            layouts.stream().map(LayerMaps::note).flatMap(Optional::stream))
        .toList();
  }

  /**
   * Runs images. Needs an open scope.
   *
   * @param images [N, C, H, W] on the network's device; must stay open
   * @param targets those of each image
   */
  static FirstPass of(Configuration configuration, Tensor images, List<List<Target>> targets) {
    Stage.Capture stage = new Stage.Capture(configuration.layerNames(), images.size(0));
    FirstPass pass =
        configuration.channels().needsGradient()
            ? withGradients(configuration, images, targets)
            : withoutGradients(configuration, images, targets);
    stage.commit();
    return pass;
  }

  private static FirstPass withoutGradients(
      Configuration configuration, Tensor images, List<List<Target>> targets) {
    Tensor batch = Tensors.inFormat(images, configuration.model().memoryFormat());
    Watch watch = configuration.recipe().watching(configuration.layers());
    Capture capture =
        images.size(0) >= LARGE_BATCH
            ? configuration.model().captureBatch(batch, watch)
            : configuration.model().capture(batch, watch);
    try {
      List<List<ResolvedTarget>> resolved =
          resolve(configuration.recipe(), capture.output(), targets);
      return new FirstPass(configuration, images, capture, resolved, List.of());
    } catch (RuntimeException | Error e) {
      capture.close();
      throw e;
    }
  }

  private static FirstPass withGradients(
      Configuration configuration, Tensor images, List<List<Target>> targets) {
    List<List<ResolvedTarget>> resolved = new ArrayList<>();
    GradientCapture pass =
        configuration
            .model()
            .captureWithGradients(
                Tensors.inFormat(images, configuration.model().memoryFormat()),
                configuration.recipe().watching(configuration.layers()),
                output -> {
                  resolved.addAll(resolve(configuration.recipe(), output, targets));
                  return sums(output, resolved);
                });
    return new FirstPass(configuration, images, pass.capture(), resolved, pass.gradients());
  }

  private static List<List<ResolvedTarget>> resolve(
      Recipe recipe, ModelOutput output, List<List<Target>> targets) {
    List<List<ResolvedTarget>> resolved = new ArrayList<>();
    for (int i = 0; i < targets.size(); i++) {
      int image = i;
      resolved.add(
          targets.get(i).stream()
              .map(
                  target -> {
                    Tensor row =
                        target.scored(recipe, rowOf(output, target, image, targets.size()));
                    Target found = target.resolve(row);
                    return new ResolvedTarget(found, found.scores(row).item_float());
                  })
              .toList());
    }
    return resolved;
  }

  private static Tensor rowOf(ModelOutput output, Target target, int image, int images) {
    Tensor rows = target.partOf(output);
    if (rows.dim() < 1 || rows.size(0) != images) {
      throw new TargetException(
          "the network's output must have one row for each of the %d inputs; its shape is %s"
              .formatted(images, Tensors.shapeOf(rows)));
    }
    return rows.narrow(0, image, 1);
  }

  /**
   * What is differentiated: the scores of the images' first targets together, which depend on a row
   * each, then those of their second ones, and so on.
   */
  private static List<Tensor> sums(ModelOutput output, List<List<ResolvedTarget>> targets) {
    List<Tensor> sums = new ArrayList<>();
    int most = targets.stream().mapToInt(List::size).max().orElseThrow();
    for (int t = 0; t < most; t++) {
      TensorVector scores = new TensorVector();
      for (int image = 0; image < targets.size(); image++) {
        if (t < targets.get(image).size()) {
          Target target = targets.get(image).get(t).target();
          Tensor score = target.scores(rowOf(output, target, image, targets.size()));
          if (!score.requires_grad()) {
            throw new GradientException(
                ("%s has no gradient: the network or the target detaches the score, computes it with"
                        + " gradients off, or makes whole numbers of it; select channels by max or"
                        + " std instead")
                    .formatted(target));
          }
          scores.push_back(score.to(ScalarType.Float));
        }
      }
      sums.add(torch.cat(scores, 0).sum());
    }
    return sums;
  }

  /** How many masked inputs of all layers of an input are scored at once; runs a black one. */
  static long maskedInputs(Configuration configuration, InputShape shape) {
    try (NativeScope scope = NativeScope.open();
        FirstPass pass =
            withoutGradients(configuration, torch.zeros(shape.batchOf(1)), List.of())) {
      long atOnce = 0;
      for (int l = 0; l < configuration.layers().size(); l++) {
        atOnce += configuration.passesAtOnce(pass.maps(l).size(1));
      }
      return atOnce;
    }
  }

  /**
   * Selects the channels of each image at each layer and plans their passes, the layers of an image
   * one after the other. Needs an open scope.
   *
   * @param scorings gets the channels; its owner closes them, also those made before this throws,
   *     and before this pass is closed
   */
  void addChannels(List<ChannelScoring> scorings) {
    Stage.Plan stage = new Stage.Plan(configuration.layerNames());
    for (int image = 0; image < targets.size(); image++) {
      for (int l = 0; l < configuration.layers().size(); l++) {
        scorings.add(
            new ChannelScoring(
                configuration,
                configuration.layers().get(l),
                maps(l).select(0, image).to(ScalarType.Float).contiguous(),
                images.select(0, image),
                targets.get(image),
                gradientsOf(image, l)));
      }
    }
    stage.passes = scorings.stream().mapToLong(ChannelScoring::mostPasses).sum();
    stage.commit();
  }

  /** That of each target's score by the maps of an image at a layer. */
  private List<Tensor> gradientsOf(int image, int layer) {
    return gradients.stream()
        .limit(targets.get(image).size())
        .map(ofLayers -> layouts.get(layer).in(ofLayers.get(layer)).select(0, image))
        .toList();
  }

  /** A layer's activation maps [N, K, h, w]; needs an open scope. */
  private Tensor maps(int layer) {
    return layouts.get(layer).in(capture.activations().get(layer));
  }

  @Override
  public void close() {
    capture.close();
    gradients.forEach(ofLayers -> ofLayers.forEach(Tensor::close));
  }
}
