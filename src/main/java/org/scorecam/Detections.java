package org.scorecam;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.TargetException;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/**
 * What a network detected in each image, as one tensor: float32 [N, D, 6] with (x0, y0, x1, y1,
 * label, score) for each of D detections. Images with fewer are filled up with NaN, which is no
 * label.
 *
 * <p>The network returns, perhaps beside something else, a list with a dict for each image, as
 * torchvision's do: boxes [d, 4], labels [d] and scores [d].
 */
final class Detections {
  private static final List<String> KEYS = List.of("boxes", "labels", "scores");
  private static final int FIELDS = 6;
  private static final int LABEL = 4;
  private static final int SCORE = 5;

  /** How many an error names. */
  private static final int LISTED = 10;

  private Detections() {}

  /** One of an image's. */
  record Detection(BoundingBox box, long label, float score) {
    @Override
    public String toString() {
      return String.format(Locale.ROOT, "label %d at %s (score %.3f)", label, box, score);
    }
  }

  /**
   * Finds them in an output. Needs an open scope.
   *
   * @return [N, D, 6], owned by the scope
   * @throws TargetException if the output has no such list
   */
  static Tensor in(ModelOutput output) {
    List<ModelOutput> images =
        find(output)
            .orElseThrow(
                () ->
                    new TargetException(
                        "a detection needs an output with a dict of boxes, labels and scores for each input; the network returned "
                            + output.describe()));
    List<Tensor> detected = images.stream().map(Detections::ofImage).toList();
    long most = detected.stream().mapToLong(tensor -> tensor.size(0)).max().orElse(0);
    TensorVector rows = new TensorVector();
    for (Tensor ofImage : detected) {
      long[] missing = {0, 0, 0, most - ofImage.size(0)};
      rows.push_back(torch.constant_pad_nd(ofImage, missing, new Scalar(Double.NaN)));
    }
    return torch.stack(rows, 0);
  }

  private static Optional<List<ModelOutput>> find(ModelOutput output) {
    List<ModelOutput> parts = List.copyOf(output.parts().values());
    if (!parts.isEmpty() && parts.stream().allMatch(Detections::isImage)) {
      return Optional.of(parts);
    }
    return parts.stream().flatMap(part -> find(part).stream()).findFirst();
  }

  private static boolean isImage(ModelOutput part) {
    Map<String, ModelOutput> fields = part.parts();
    return KEYS.stream().allMatch(key -> fields.containsKey(key) && fields.get(key).isTensor());
  }

  private static Tensor ofImage(ModelOutput image) {
    TensorVector columns = new TensorVector();
    long count = image.get("scores").tensor().numel();
    for (String key : KEYS) {
      Tensor field = image.get(key).tensor();
      long width = key.equals("boxes") ? LABEL : 1;
      if (field.numel() != count * width) {
        throw new TargetException(
            "detections must have boxes [D, 4], labels [D] and scores [D]; the network returned "
                + image.describe());
      }
      columns.push_back(field.to(ScalarType.Float).reshape(count, width));
    }
    return torch.cat(columns, 1);
  }

  /**
   * For each image the score of the detection of a label that overlaps a box most, times the
   * overlap (the area of the intersection over that of the union); 0 where there is none. Needs an
   * open scope.
   *
   * @param detections [n, D, 6]
   * @return float32 [n], owned by the scope
   */
  static Tensor scores(Tensor detections, BoundingBox box, long label) {
    if (detections.size(1) == 0) {
      return torch.zeros(detections.size(0)).to(detections.device(), ScalarType.Float);
    }
    Tensor x0 = detections.select(2, 0);
    Tensor y0 = detections.select(2, 1);
    Tensor x1 = detections.select(2, 2);
    Tensor y1 = detections.select(2, 3);
    Scalar zero = new Scalar(0.0);
    Tensor width = x1.clamp_max(new Scalar(box.x1())).sub(x0.clamp_min(new Scalar(box.x0())));
    Tensor height = y1.clamp_max(new Scalar(box.y1())).sub(y0.clamp_min(new Scalar(box.y0())));
    Tensor shared = width.clamp_min(zero).mul(height.clamp_min(zero));
    Tensor united = x1.sub(x0).mul(y1.sub(y0)).add(new Scalar(box.area())).sub(shared);
    Tensor overlap = shared.div(united);
    Tensor counts = detections.select(2, LABEL).eq(new Scalar(label)).logical_and(overlap.gt(zero));
    T_TensorTensor_T best = overlap.masked_fill(counts.logical_not(), zero).max(1, true);
    Tensor most = best.get0();
    Tensor score = detections.select(2, SCORE).gather(1, best.get1());
    return score.mul(most).masked_fill(most.eq(zero), zero).squeeze(1);
  }

  /**
   * Makes sure that the unmasked image has what is to be explained. Needs an open scope.
   *
   * @param detections of one image, [1, D, 6]
   * @throws TargetException if no detection of the label overlaps the box, with those there are
   */
  static void require(Tensor detections, BoundingBox box, long label) {
    List<Detection> ofLabel = listOf(detections, OptionalLong.of(label));
    if (scores(detections, box, label).item_float() == 0) {
      throw new TargetException(
          "in the unmasked input the network detects nothing labelled %d that overlaps the box %s; it detects %s"
              .formatted(label, box, inWords(detections, ofLabel)));
    }
  }

  /**
   * The detection of the unmasked image with the highest score. Needs an open scope.
   *
   * @param detections of one image, [1, D, 6]
   * @param label that it has, if one was asked for
   * @throws TargetException if there is none, with those there are
   */
  static Detection strongest(Tensor detections, OptionalLong label) {
    List<Detection> candidates = listOf(detections, label);
    if (candidates.isEmpty()) {
      String what = label.isPresent() ? " labelled " + label.getAsLong() : "";
      throw new TargetException(
          "in the unmasked input the network detects nothing%s; it detects %s"
              .formatted(what, inWords(detections, candidates)));
    }
    return candidates.get(0);
  }

  private static String inWords(Tensor detections, List<Detection> preferred) {
    List<Detection> named =
        preferred.isEmpty() ? listOf(detections, OptionalLong.empty()) : preferred;
    if (named.isEmpty()) {
      return "nothing at all. Are the input's values what it expects, such as 0 to 1?";
    }
    String list = named.stream().limit(LISTED).map(Detection::toString).collect(joining(", "));
    return named.size() > LISTED ? "%s and %d more".formatted(list, named.size() - LISTED) : list;
  }

  /** Those that have an area, the highest score first. */
  private static List<Detection> listOf(Tensor detections, OptionalLong label) {
    List<Detection> list = new ArrayList<>();
    float[] values = Tensors.toArray(detections);
    for (int i = 0; i < values.length; i += FIELDS) {
      float x0 = values[i];
      float y0 = values[i + 1];
      float x1 = values[i + 2];
      float y1 = values[i + 3];
      // A NaN is above nothing, and equals no label.
      boolean hasArea = x1 > x0 && y1 > y0 && Float.isFinite((x1 - x0) * (y1 - y0));
      boolean asked = label.isEmpty() || values[i + LABEL] == label.getAsLong();
      if (hasArea && asked) {
        list.add(
            new Detection(
                new BoundingBox(x0, y0, x1, y1), (long) values[i + LABEL], values[i + SCORE]));
      }
    }
    list.sort(Comparator.comparingDouble((Detection each) -> each.score).reversed());
    return list;
  }
}
