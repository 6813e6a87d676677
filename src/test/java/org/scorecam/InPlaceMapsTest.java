package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.model.CaptureMoment;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.nn.TestNetworks;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;
import org.scorecam.weights.WeightLoader;

/**
 * The published implementations' maps at layers that are followed by in-place operations, of which
 * their hooks, keeping a reference, see what is left.
 */
class InPlaceMapsTest {
  private static final double TOLERANCE = 1e-4;

  /** More than a network is prepared for batches after. */
  private static final int MANY = 72;

  /** The golden network: relu_ after the layers {@code a} and {@code norm}. */
  private static final class InPlace extends Network {
    private final Submodule a = child("a", convolution(3, 12, 2));
    private final Submodule b = child("b", convolution(12, 20, 1));
    private final Submodule norm = child("norm", TestNetworks.batchNorm(20));
    private final Submodule act = child("act", TestNetworks.reluInPlace());
    private final Submodule fc = child("fc", new LinearImpl(20, 5));

    private static Conv2dImpl convolution(long in, long out, long stride) {
      Conv2dOptions options = new Conv2dOptions(in, out, new LongPointer(3, 3));
      options.stride().put(new LongPointer(stride, stride));
      options.padding().put(new LongPointer(1, 1));
      return new Conv2dImpl(options);
    }

    @Override
    public Tensor forward(Tensor x) {
      Tensor maps = norm.forward(b.forward(act.forward(a.forward(x)))).relu_();
      return fc.forward(maps.mean(2, 3));
    }
  }

  private static HookedModel load(String network) {
    if (!network.equals("java")) {
      return Goldens.model("inplace/" + network);
    }
    InPlace module = new InPlace();
    WeightLoader.into(module).load(Goldens.file("inplace/net.pth"));
    return ModuleModel.of(module, Device.cpu());
  }

  private static List<Goldens.Case> cases() throws IOException {
    List<Goldens.Case> cases = new ArrayList<>();
    try (Reader json = Files.newBufferedReader(Goldens.file("inplace/cases.json"))) {
      for (JsonElement element : JsonParser.parseReader(json).getAsJsonArray()) {
        cases.add(new Goldens.Case(element.getAsJsonObject()));
      }
    }
    return cases;
  }

  private static Tensor tensor(String name) {
    return Goldens.tensor("inplace/" + name);
  }

  private static ScoreCam cam(HookedModel model, Goldens.Case golden) {
    return ScoreCam.on(model).layer(golden.text("layer")).recipe(golden.recipe()).build();
  }

  @ParameterizedTest
  @ValueSource(strings = {"script.pt", "trace.pt", "java"})
  void mapsAreThePublishedOnes(String network) throws IOException {
    List<Goldens.Case> cases = cases();
    assertEquals(15, cases.size());
    try (HookedModel model = load(network);
        Tensor input = tensor("input.npy")) {
      for (Goldens.Case golden : cases) {
        try (ScoreCam cam = cam(model, golden);
            Tensor expected = tensor(golden.text("map"));
            Saliency actual = cam.explain(input, golden.target())) {
          assertClose(expected, actual.tensor(), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"script.pt", "trace.pt"})
  void mapsOfManyInputsAreThePublishedOnes(String network) throws IOException {
    try (HookedModel model = load(network);
        Tensor input = tensor("input.npy");
        Tensor inputs = input.repeat(MANY, 1, 1, 1)) {
      for (Goldens.Case golden : cases()) {
        if (!golden.text("recipe").equals("torchcam")) {
          continue;
        }
        List<Target> targets = Collections.nCopies(MANY, golden.target());
        try (ScoreCam cam = cam(model, golden);
            Tensor expected = tensor(golden.text("map"))) {
          for (int round = 0; round < 2; round++) {
            for (Saliency actual : cam.explainBatch(inputs, targets)) {
              assertClose(expected, actual.tensor(), TOLERANCE);
              actual.close();
            }
          }
        }
      }
    }
  }

  @Test
  void aRecipeOfOnesOwnTakesTheOutputAtTheCall() {
    Recipe published = Recipe.TISKW;
    Recipe atCall =
        new Recipe(
            "at the call",
            published.masks(),
            published.score(),
            published.weighting(),
            published.constantChannels(),
            published.finish(),
            published.repeatedCall(),
            CaptureMoment.AT_CALL);
    Target target = Target.ofClass(2);
    try (HookedModel model = load("script.pt");
        Tensor input = tensor("input.npy");
        ScoreCam ours = ScoreCam.on(model).layer("a").recipe(atCall).build();
        ScoreCam theirs = ScoreCam.on(model).layer("a").recipe(published).build();
        Saliency before = ours.explain(input, target);
        Saliency after = theirs.explain(input, target)) {
      double difference =
          Goldens.relativeError(Tensors.toArray(after.tensor()), Tensors.toArray(before.tensor()));
      assertTrue(difference > 0.1, "off by " + difference);
    }
  }
}
