package org.scorecam;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.QueuedChannels.QueuedTarget;
import org.scorecam.error.GradientException;
import org.scorecam.error.TargetException;
import org.scorecam.model.Capture;
import org.scorecam.model.GradientCapture;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * The pass of the unmasked images: the activation maps of the target layers, and the output that a
 * target is resolved for.
 */
final class FirstPass implements AutoCloseable {
  /**
   * Outputs of so many numbers are brought to the host in one piece, where all targets are looked
   * up without another wait for the device; functions see tensors of the device alone.
   */
  private static final long MOST_READ = 1 << 18;

  private final TargetLayers at;
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
      TargetLayers at,
      Tensor images,
      Capture capture,
      List<List<ResolvedTarget>> targets,
      List<List<Tensor>> gradients) {
    this.at = at;
    this.images = images;
    this.capture = capture;
    this.targets = targets;
    this.gradients = gradients;
    try {
      this.layouts = IntStream.range(0, at.paths().size()).mapToObj(this::layoutOf).toList();
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private LayerMaps layoutOf(int layer) {
    String path = at.paths().get(layer);
    return LayerMaps.of(path, output(layer), images, at.layoutOf(path));
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
   * @param differentiates whether the gradients of the targets' scores are needed
   * @throws GradientException if they are needed and a target's score has none
   */
  static FirstPass of(
      TargetLayers at, Tensor images, List<List<Target>> targets, boolean differentiates) {
    Stage.Capture stage = new Stage.Capture(at.name(), images.size(0));
    FirstPass pass =
        differentiates
            ? withGradients(at, images, targets)
            : of(at, images, targets, at.model().captureFast(batchOf(at, images), at.watch()));
    stage.commit();
    return pass;
  }

  /** The same without gradients, by the network as it is. */
  static FirstPass asItIs(TargetLayers at, Tensor images, List<List<Target>> targets) {
    Stage.Capture stage = new Stage.Capture(at.name(), images.size(0));
    FirstPass pass = of(at, images, targets, capturedAsItIs(at, images));
    stage.commit();
    return pass;
  }

  private static Capture capturedAsItIs(TargetLayers at, Tensor images) {
    return at.model().capture(batchOf(at, images), at.watch());
  }

  private static Tensor batchOf(TargetLayers at, Tensor images) {
    return Tensors.inFormat(images, at.model().memoryFormat());
  }

  /** Takes over what was captured without gradients, and closes it if a target does not fit. */
  private static FirstPass of(
      TargetLayers at, Tensor images, List<List<Target>> targets, Capture capture) {
    try {
      List<List<ResolvedTarget>> resolved = resolve(at.recipe(), capture.output(), targets);
      return new FirstPass(at, images, capture, resolved, List.of());
    } catch (RuntimeException | Error e) {
      capture.close();
      throw e;
    }
  }

  private static FirstPass withGradients(
      TargetLayers at, Tensor images, List<List<Target>> targets) {
    List<List<ResolvedTarget>> resolved = new ArrayList<>();
    GradientCapture pass =
        at.model()
            .captureWithGradients(
                batchOf(at, images),
                at.watch(),
                output -> {
                  resolved.addAll(resolve(at.recipe(), output, targets));
                  return sums(output, resolved);
                });
    return new FirstPass(at, images, pass.capture(), resolved, pass.gradients());
  }

  private static List<List<ResolvedTarget>> resolve(
      Recipe recipe, ModelOutput output, List<List<Target>> targets) {
    Map<Tensor, Tensor> read = new HashMap<>();
    List<List<ResolvedTarget>> resolved = new ArrayList<>();
    for (int i = 0; i < targets.size(); i++) {
      int image = i;
      resolved.add(
          targets.get(i).stream()
              .map(
                  target -> {
                    Tensor rows = rowsOf(output, target, targets.size());
                    boolean together = rows.numel() <= MOST_READ && !target.isFunction();
                    Tensor seen = together ? read.computeIfAbsent(rows, Tensors::onHost) : rows;
                    Tensor row = target.scored(recipe, seen.narrow(0, image, 1));
                    Target found = target.resolve(row);
                    Tensor score = found.scores(row);
                    return new ResolvedTarget(
                        found, (together ? score : Tensors.onHost(score)).item_float());
                  })
              .toList());
    }
    return resolved;
  }

  private static Tensor rowsOf(ModelOutput output, Target target, int images) {
    Tensor rows = target.partOf(output);
    if (rows.dim() < 1 || rows.size(0) != images) {
      throw new TargetException(
          "the network's output must have one row for each of the %d inputs; its shape is %s"
              .formatted(images, Tensors.shapeOf(rows)));
    }
    return rows;
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
          Tensor score = target.scores(rowsOf(output, target, targets.size()).narrow(0, image, 1));
          if (!score.requires_grad()) {
            throw new GradientException(
                ("%s has no gradient: the network or the target detaches the score, computes it with"
                        + " gradients off, or makes whole numbers of it; Score-CAM needs none, nor"
                        + " does choosing its channels by max or std")
                    .formatted(target));
          }
          scores.push_back(score.to(ScalarType.Float));
        }
      }
      sums.add(torch.cat(scores, 0).sum());
    }
    return sums;
  }

  /** No part of an explanation, and so no stage of one. */
  private static FirstPass blackPass(TargetLayers at, InputShape shape) {
    Tensor black = torch.zeros(shape.batchOf(1));
    return of(at, black, List.of(), capturedAsItIs(at, black));
  }

  /** How many masked inputs of all layers of an input are scored at once; runs a black one. */
  static long maskedInputs(Configuration configuration, InputShape shape) {
    try (NativeScope scope = NativeScope.open();
        FirstPass pass = blackPass(configuration.at(), shape)) {
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
   * @param configuration of these target layers
   * @param scorings gets the channels; its owner closes them, also those made before this throws,
   *     and before this pass is closed
   */
  void addChannels(Configuration configuration, List<ChannelScoring> scorings) {
    Stage.Plan stage = new Stage.Plan(at.name());
    for (int image = 0; image < targets.size(); image++) {
      for (int l = 0; l < at.paths().size(); l++) {
        scorings.add(
            new ChannelScoring(
                configuration,
                at.paths().get(l),
                mapsOf(image, l),
                images.select(0, image),
                targets.get(image),
                gradientsOf(image, l)));
      }
    }
    stage.passes = scorings.stream().mapToLong(ChannelScoring::mostPasses).sum();
    stage.commit();
  }

  /** The targets of an image, as its output resolved them. */
  List<ResolvedTarget> targetsOf(int image) {
    return targets.get(image);
  }

  /** An image's targets where they are still to be looked up, without a wait for the device. */
  List<QueuedTarget> queue(int image, List<Target> wanted) {
    return wanted.stream()
        .map(
            target -> {
              Tensor rows = rowsOf(capture.output(), target, (int) images.size(0));
              Tensor row = target.scored(at.recipe(), rows.narrow(0, image, 1));
              Target queued = target.queue(row);
              return new QueuedTarget(queued, queued.scores(row).flatten());
            })
        .toList();
  }

  /** What a layer put out; this pass's. */
  Tensor output(int layer) {
    return capture.activations().get(layer);
  }

  /** How it holds its maps. */
  Layout layout(int layer) {
    return layouts.get(layer).layout();
  }

  /** The maps of an image at a layer, float32 [K, h, w]; needs an open scope. */
  Tensor mapsOf(int image, int layer) {
    return maps(layer).select(0, image).to(ScalarType.Float).contiguous();
  }

  /**
   * For each of an image's targets the gradient of its score by the maps at a layer, [K, h, w];
   * empty if none were asked for. Needs an open scope.
   */
  List<Tensor> gradientsOf(int image, int layer) {
    return gradients.stream()
        .limit(targets.get(image).size())
        .map(ofLayers -> layouts.get(layer).in(ofLayers.get(layer)).select(0, image))
        .toList();
  }

  /** A layer's activation maps [N, K, h, w]; needs an open scope. */
  private Tensor maps(int layer) {
    return layouts.get(layer).in(output(layer));
  }

  @Override
  public void close() {
    capture.close();
    gradients.forEach(ofLayers -> ofLayers.forEach(Tensor::close));
  }
}
