package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.GradientException;
import org.scorecam.error.InputException;
import org.scorecam.error.ScoreCamException;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.GradientCapture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.Watch;
import org.scorecam.nn.TestNetworks;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Channels that are chosen by the gradient of the target's score, or by how much they vary. */
class GradientSelectionTest {
  private static final String LAYER = "layer3";
  private static final String BLOCK =
      """
      def forward(self, x: Tensor) -> Tensor:
          return torch.stack([torch.mean(x, 1), torch.mean(x, 1) * x[:, 0], x[:, 1]], 1)
      """;

  @TempDir Path folder;

  static Stream<JsonObject> goldens() throws IOException {
    JsonArray cases =
        JsonParser.parseString(Files.readString(Goldens.file("gradients/cases.json")))
            .getAsJsonArray();
    return cases.asList().stream().map(JsonElement::getAsJsonObject);
  }

  private static double[] products(JsonObject golden) {
    return golden.getAsJsonArray("products").asList().stream()
        .mapToDouble(JsonElement::getAsDouble)
        .toArray();
  }

  /** Σ gradient·activation of each channel. */
  private static float[] products(HookedModel model, Tensor input, Watch watch, long target) {
    try (NativeScope scope = NativeScope.open();
        GradientCapture pass =
            model.captureWithGradients(
                input, watch, output -> List.of(output.tensor().select(1, target).sum()))) {
      Tensor activation = pass.capture().activations().get(0);
      Tensor gradient = pass.gradients().get(0).get(0);
      assertArrayEquals(activation.shape(), gradient.shape());
      assertTrue(!activation.requires_grad() && !pass.capture().output().tensor().requires_grad());
      return Tensors.toArray(gradient.mul(activation).flatten(2, -1).sum(2).contiguous());
    }
  }

  private static void assertNear(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    double largest =
        IntStream.range(0, expected.length)
            .mapToDouble(k -> Math.abs(expected[k]))
            .max()
            .orElseThrow();
    for (int k = 0; k < expected.length; k++) {
      assertEquals(expected[k], actual[k], 1e-4 * largest, "channel " + k);
    }
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void gradientsAreThoseOfPythonsAutograd(JsonObject golden) {
    Watch watch =
        new Watch(
            List.of(golden.get("layer").getAsString()),
            RepeatedCall.LAST,
            CaptureMoment.AFTER_PASS);
    try (HookedModel model = Goldens.model(golden.get("model").getAsString());
        Tensor input = Goldens.tensor(golden.get("input").getAsString())) {
      // More than once, since LibTorch optimises what it has seen.
      for (int run = 0; run < 3; run++) {
        assertNear(
            products(golden), products(model, input, watch, golden.get("class").getAsLong()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("goldens")
  void thoseWithTheLargestProductsAreScored(JsonObject golden) {
    double[] products = products(golden);
    long[] expected =
        IntStream.range(0, products.length)
            .boxed()
            .sorted(Comparator.comparingDouble(k -> -products[k]))
            .limit(7)
            .mapToLong(Integer::longValue)
            .sorted()
            .toArray();
    Target target = Target.ofClass(golden.get("class").getAsLong());
    try (HookedModel model = Goldens.model(golden.get("model").getAsString());
        Tensor input = Goldens.tensor(golden.get("input").getAsString())) {
      for (Recipe recipe : List.of(Recipe.TISKW, Recipe.HAOFANWANG)) {
        try (ScoreCam cam =
                ScoreCam.on(model)
                    .layer(golden.get("layer").getAsString())
                    .recipe(recipe)
                    .channels(ChannelSelection.topGradient(7))
                    .build();
            Saliency saliency = cam.explain(input, target)) {
          float[] scores = saliency.scores();
          assertArrayEquals(
              expected,
              IntStream.range(0, scores.length)
                  .filter(k -> !Float.isNaN(scores[k]))
                  .asLongStream()
                  .toArray());
          assertEquals(7, saliency.status().scoredChannels());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CaptureMoment.class)
  void outputsThatAreChangedInPlaceHaveTheGradientOfEitherMoment(CaptureMoment moment) {
    Watch watch = new Watch(List.of("norm"), RepeatedCall.LAST, moment);
    try (HookedModel model = Goldens.model("inplace/script.pt");
        Tensor input = Goldens.tensor("inplace/input.npy")) {
      // A ReLU gives the same products before and after it: where it passes nothing, one is 0.
      JsonObject golden = assertOf("norm");
      assertNear(products(golden), products(model, input, watch, 2));
    }
  }

  private static JsonObject assertOf(String layer) {
    try {
      return goldens()
          .filter(golden -> golden.get("layer").getAsString().equals(layer))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @ParameterizedTest
  @EnumSource(CaptureMoment.class)
  void networksOfJavaHaveGradients(CaptureMoment moment) {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = ModuleModel.of(scope.keep(new TestNetworks.Small()), Device.cpu())) {
      Tensor input = torch.randn(2, 3, 16, 16);
      Watch watch = new Watch(List.of("layer1"), RepeatedCall.LAST, moment);
      float[] products = products(model, input, watch, 1);
      // The head is linear in what it averages: the products of an image add up to its score less
      // the bias, which is what zeros score.
      Tensor scores = model.forward(input).tensor().select(1, 1);
      double difference = scores.select(0, 0).sub(scores.select(0, 1)).item_double();
      double first = IntStream.range(0, 8).mapToDouble(k -> products[k]).sum();
      double second = IntStream.range(8, 16).mapToDouble(k -> products[k]).sum();
      assertEquals(difference, first - second, 1e-4 * (1 + Math.abs(difference)));
    }
  }

  @ParameterizedTest
  @CsvSource({"tiskw", "haofanwang"})
  void severalTargetsHaveTheMapsThatTheyHaveAlone(String recipe) {
    List<Target> targets =
        List.of(
            Target.ofClass(3), Target.top1(), Target.of(o -> o.select(1, 2).sub(o.select(1, 7))));
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        NativeScope scope = NativeScope.open();
        ScoreCam cam =
            ScoreCam.on(model)
                .layers("layer2", LAYER)
                .recipe(Recipe.named(recipe))
                .channels(ChannelSelection.topGradient(9))
                .build()) {
      Tensor batch = torch.cat(new TensorVector(input, input.neg()), 0);
      List<List<Saliency>> together =
          cam.explainBatchTargets(batch, List.of(targets, targets.subList(0, 1)));
      List<List<Saliency>> layers = cam.explainLayers(input, targets);
      for (int t = 0; t < targets.size(); t++) {
        List<Saliency> alone = cam.explainLayers(input, targets.get(t));
        for (int l = 0; l < 2; l++) {
          Saliency one = alone.get(l);
          Saliency shared = layers.get(t).get(l);
          assertEquals(one.status(), shared.status());
          MapAgreement agreement =
              MapAgreement.of(Tensors.toArray(one.tensor()), Tensors.toArray(shared.tensor()));
          assertTrue(agreement.largestDifference() < 1e-4, agreement.toString());
        }
        try (Saliency fused = cam.explain(input, targets.get(t))) {
          MapAgreement agreement =
              MapAgreement.of(
                  Tensors.toArray(fused.tensor()),
                  Tensors.toArray(together.get(0).get(t).tensor()));
          assertTrue(agreement.largestDifference() < 1e-4, agreement.toString());
        }
        alone.forEach(Saliency::close);
      }
      layers.forEach(ofLayers -> ofLayers.forEach(Saliency::close));
      together.forEach(ofInput -> ofInput.forEach(Saliency::close));
    }
  }

  @Test
  void asManyAsThereAreMeansAll() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam all = ScoreCam.on(model).layer(LAYER).build();
        Saliency expected = all.explain(input, Target.ofClass(3))) {
      for (ChannelSelection channels :
          List.of(ChannelSelection.topGradient(64), ChannelSelection.topStd(100))) {
        try (ScoreCam cam = ScoreCam.on(model).layer(LAYER).channels(channels).build();
            Saliency saliency = cam.explain(input, Target.ofClass(3))) {
          Goldens.assertClose(expected.tensor(), saliency.tensor(), 1e-5);
        }
      }
    }
  }

  @Test
  void thoseThatVaryMostAreChosenWithoutAGradient() {
    try (NativeScope scope = NativeScope.open()) {
      // Deviations 0, 1, 3 and 2, maxima the other way round.
      Tensor maps = Tensor.create(9f, 9f, 5f, 7f, 0f, 6f, -4f, 0f).reshape(4, 1, 2);
      assertArrayEquals(new long[] {2, 3}, ChannelSelection.topStd(2).select(maps));
      assertArrayEquals(new long[] {0, 1}, ChannelSelection.topMax(2).select(maps));
      // Products with it of -18, 12, 6 and 4.
      Tensor gradient = Tensor.create(-1f, -1f, 1f, 1f, 5f, 1f, -1f, 7f).reshape(4, 1, 2);
      assertArrayEquals(new long[] {1, 2}, ChannelSelection.topGradient(2).select(maps, gradient));
      assertThrows(IllegalStateException.class, () -> ChannelSelection.topGradient(2).select(maps));
      assertEquals(
          1, ChannelSelection.topStd(1).select(maps.narrow(2, 0, 1)).length, "maps of one place");
    }
    for (long none : new long[] {0, -1}) {
      assertThrows(IllegalArgumentException.class, () -> ChannelSelection.topGradient(none));
      assertThrows(IllegalArgumentException.class, () -> ChannelSelection.topStd(none));
    }
    assertEquals("gradient:5", ChannelSelection.topGradient(5).toString());
    assertEquals("std:5", ChannelSelection.topStd(5).toString());
  }

  private GradientException refusal(String head, Target target) {
    String source =
        """
        def forward(self, x: Tensor) -> Tensor:
            y = self.block.forward(x)
        %s
        """
            .formatted(head.indent(4));
    AtomicLong chunks = new AtomicLong();
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ScriptedModels.script("Net", source)
                .child("block", ScriptedModels.script("Block", BLOCK))
                .load(folder);
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("block")
                .channels(ChannelSelection.topGradient(2))
                .progress((scored, total) -> chunks.incrementAndGet())
                .build()) {
      Tensor input = torch.randn(1, 3, 8, 8);
      GradientException refused =
          assertThrows(GradientException.class, () -> cam.explain(input, target));
      NativeObjects.assertNoneLeftBy(
          () -> assertThrows(ScoreCamException.class, () -> cam.explain(input, target)));
      assertEquals(0, chunks.get());
      return refused;
    }
  }

  @Test
  void scoresWithoutAGradientAreRefused() {
    List<String> messages = new ArrayList<>();
    messages.add(refusal("return torch.mean(y, [2, 3]).detach()", Target.ofClass(1)).getMessage());
    messages.add(refusal("return torch.mean(y.detach(), [2, 3])", Target.ofClass(1)).getMessage());
    messages.add(
        refusal("return torch.mean(y, [2, 3])", Target.of(o -> o.select(1, 0).detach()))
            .getMessage());
    for (String message : messages) {
      assertTrue(message.contains("has no gradient"), message);
      assertTrue(message.contains("max or std"), message);
    }
    String unused = refusal("return torch.mean(x, [2, 3])", Target.ofClass(1)).getMessage();
    assertTrue(unused.contains("with respect to layer 'block'"), unused);
  }

  @Test
  void anInputThatTheNetworkCannotRunIsSaidToBeSo() {
    try (NativeScope scope = NativeScope.open();
        HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam =
            ScoreCam.on(model).layer(LAYER).channels(ChannelSelection.topGradient(4)).build()) {
      Tensor wrong = torch.randn(1, 5, 64, 64);
      InputException refused =
          assertThrows(InputException.class, () -> cam.explain(wrong, Target.top1()));
      assertTrue(refused.getMessage().contains("channels"), refused.getMessage());
      Tensor input = Goldens.tensor("tinyresnet.input.npy");
      NativeObjects.assertNoneLeftBy(() -> cam.explain(input, Target.top1()).close());
      input.close();
    }
  }
}
