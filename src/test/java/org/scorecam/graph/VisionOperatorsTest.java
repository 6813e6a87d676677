package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.StreamSupport;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.NativeErrors;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.kernel.VisionOperators;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.tensor.Tensors;

/** Our nms and roi_align as LibTorch's dispatcher calls them, against torchvision's. */
class VisionOperatorsTest {
  private static final Path FOLDER = Path.of("src/test/resources/vision");

  private NativeScope scope;

  @BeforeEach
  void operatorsAreThere() {
    NativeBuild.require();
    assertTrue(VisionOperators.define(Set.of("torchvision::nms", "torchvision::roi_align")));
    scope = NativeScope.open();
  }

  @AfterEach
  void close() {
    if (scope != null) {
      scope.close();
    }
  }

  private static List<JsonObject> cases(String operator) throws IOException {
    try (Reader json = Files.newBufferedReader(FOLDER.resolve("cases.json"))) {
      return StreamSupport.stream(
              JsonParser.parseReader(json).getAsJsonArray().spliterator(), false)
          .map(JsonElement::getAsJsonObject)
          .filter(each -> each.get("operator").getAsString().equals(operator))
          .toList();
    }
  }

  static List<JsonObject> nmsCases() throws IOException {
    return cases("nms");
  }

  static List<JsonObject> roiAlignCases() throws IOException {
    return cases("roi_align");
  }

  private static Tensor file(String name) {
    return NpyFile.read(FOLDER.resolve(name));
  }

  private static ScalarType type(JsonObject golden) {
    return switch (golden.get("dtype").getAsString()) {
      case "float64" -> ScalarType.Double;
      case "float16" -> ScalarType.Half;
      default -> ScalarType.Float;
    };
  }

  private static Tensor nms(Tensor boxes, Tensor scores, double threshold) {
    try (OperatorCall call =
        new OperatorCall("torchvision::nms", "").open().open().with(threshold)) {
      return call.call(boxes, scores);
    }
  }

  private static Tensor roiAlign(
      Tensor images, Tensor regions, long height, long width, long sampling, boolean aligned) {
    try (OperatorCall call =
        new OperatorCall("torchvision::roi_align", "")
            .open()
            .open()
            .with(0.5)
            .with(height)
            .with(width)
            .with(sampling)
            .with(aligned)) {
      return call.call(images, regions);
    }
  }

  private static long[] longs(Tensor tensor) {
    assertEquals(ScalarType.Long, tensor.scalar_type().intern());
    float[] values = Tensors.toArray(tensor);
    long[] longs = new long[values.length];
    Arrays.setAll(longs, i -> (long) values[i]);
    return longs;
  }

  @ParameterizedTest
  @MethodSource("nmsCases")
  void nmsKeepsWhatTorchvisionsDoes(JsonObject golden) {
    Tensor boxes = file("boxes.npy").to(type(golden));
    Tensor scores = file("scores.npy").to(type(golden));
    double threshold =
        Double.parseDouble(golden.get("threshold").getAsString().replace("nan", "NaN"));
    long[] kept =
        golden.getAsJsonArray("kept").asList().stream().mapToLong(JsonElement::getAsLong).toArray();
    assertArrayEquals(kept, longs(nms(boxes, scores, threshold)));
    // Of memory that is not dense.
    Tensor apart = torch.stack(new TensorVector(boxes, boxes), 2).select(2, 1);
    assertFalse(apart.is_contiguous());
    assertArrayEquals(kept, longs(nms(apart, scores, threshold)));
  }

  @ParameterizedTest
  @MethodSource("roiAlignCases")
  void roiAlignGivesWhatTorchvisionsDoes(JsonObject golden) {
    Tensor images = file("images.npy").to(type(golden));
    Tensor regions =
        file("regions.npy").narrow(0, 0, golden.get("regions").getAsLong()).to(type(golden));
    Tensor pooled =
        roiAlign(
            images,
            regions,
            golden.get("height").getAsLong(),
            golden.get("width").getAsLong(),
            golden.get("sampling").getAsLong(),
            golden.get("aligned").getAsBoolean());
    assertEquals(type(golden), pooled.scalar_type().intern());
    Tensor expected = file(golden.get("pooled").getAsString());
    assertEquals(Tensors.shapeOf(expected), Tensors.shapeOf(pooled));
    // To the last place, or where the processor fuses multiplications and additions, almost.
    assertArrayEquals(
        Tensors.toArray(expected),
        Tensors.toArray(pooled),
        type(golden) == ScalarType.Half ? 2e-3f : 5e-7f);
  }

  @Test
  void emptyArgumentsGiveEmptyResults() {
    assertEquals(0, nms(torch.zeros(0, 4), torch.zeros(0), 0.5).numel());
    Tensor none = roiAlign(torch.zeros(1, 3, 8, 8), torch.zeros(0, 5), 7, 7, 2, false);
    assertEquals("[0, 3, 7, 7]", Tensors.shapeOf(none));
    Tensor noImages = roiAlign(torch.zeros(0, 3, 8, 8), torch.zeros(0, 5), 7, 7, 2, true);
    assertEquals("[0, 3, 7, 7]", Tensors.shapeOf(noImages));
  }

  @Test
  void halfTypesAreWidened() {
    Tensor boxes = Tensors.of(new float[] {0, 0, 8, 8, 0, 0, 8, 7, 9, 9, 12, 12}, 3, 4);
    Tensor scores = Tensors.of(new float[] {0.25f, 0.5f, 0.125f}, 3);
    for (ScalarType half : List.of(ScalarType.Half, ScalarType.BFloat16)) {
      assertArrayEquals(new long[] {1, 2}, longs(nms(boxes.to(half), scores.to(half), 0.5)));
    }
    Tensor image = torch.full(new long[] {1, 1, 4, 4}, new Scalar(3.0));
    Tensor region = Tensors.of(new float[] {0, 0, 0, 8, 8}, 1, 5);
    Tensor pooled =
        roiAlign(image.to(ScalarType.BFloat16), region.to(ScalarType.BFloat16), 2, 2, 2, true);
    assertEquals(ScalarType.BFloat16, pooled.scalar_type().intern());
    assertArrayEquals(new float[] {3, 3, 3, 3}, Tensors.toArray(pooled));
  }

  /** Where torchvision's reads outside of the image. */
  @Test
  void samplesWithoutAPlaceAreZero() {
    Tensor region = Tensors.of(new float[] {0, Float.NaN, 2, 8, 9}, 1, 5);
    Tensor pooled = roiAlign(torch.ones(1, 1, 9, 9), region, 2, 2, 2, true);
    assertArrayEquals(new float[4], Tensors.toArray(pooled));
  }

  private static void assertRefused(Runnable call, String reason) {
    String message = NativeErrors.messageOf(assertThrows(RuntimeException.class, call::run));
    assertTrue(message.contains(reason), message);
  }

  @Test
  void badArgumentsAreRefusedInWords() {
    Tensor boxes = torch.zeros(3, 4);
    Tensor images = torch.zeros(2, 3, 8, 8);
    assertRefused(
        () -> nms(boxes, torch.zeros(2), 0.5),
        "scores must have the shape [N] for boxes [N, 4]; they have [2] for [3, 4]");
    assertRefused(() -> nms(torch.zeros(3, 5), torch.zeros(3), 0.5), "boxes must have the shape");
    assertRefused(
        () -> nms(boxes, torch.zeros(3).to(ScalarType.Double), 0.5), "must be of the same type");
    assertRefused(
        () -> nms(boxes.to(ScalarType.Long), torch.zeros(3).to(ScalarType.Long), 0.5),
        "boxes must be of a floating-point type");
    assertRefused(
        () -> roiAlign(images, torch.zeros(3, 4), 7, 7, 2, true),
        "rois must have the shape [K, 5]");
    assertRefused(() -> roiAlign(images, torch.zeros(3, 5), 0, 7, 2, true), "must be at least 1");
    assertRefused(
        () -> roiAlign(torch.zeros(2, 3, 0, 8), torch.zeros(3, 5), 7, 7, 2, true),
        "must have pixels, and its shape is [2, 3, 0, 8]");
    for (float image : new float[] {2, -1, Float.NaN}) {
      Tensor region = Tensors.of(new float[] {image, 0, 0, 4, 4}, 1, 5);
      assertRefused(() -> roiAlign(images, region, 7, 7, 2, true), "region 0 is of image");
    }
  }
}
