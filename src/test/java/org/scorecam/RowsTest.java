package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.tensor.Tensors;

/** Networks that do not treat each row of a batch for itself, and those that change their input. */
class RowsTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  /** [N, 3, H, W] to [N, 6] with a layer "maps"; a few lines of TorchScript stand before it. */
  private HookedModel network(String type, String before) {
    return ScriptedModels.script(
            type,
            """
            def forward(self, x: Tensor) -> Tensor:
            %s
                y = self.maps.forward(x)
                return torch.mean(y, [2, 3])
            """
                .formatted(before.indent(4).stripTrailing()))
        .child(
            "maps",
            ScriptedModels.script(
                    "Maps",
                    """
                    def forward(self, x: Tensor) -> Tensor:
                        return torch.relu(torch.conv2d(x, self.w, None, [2, 2], [0, 0], [1, 1], 1))
                    """)
                .weight("w", 6, 3, 3, 3))
        .load(folder);
  }

  private static Saliency explain(HookedModel model, Tensor input, int batch) {
    ScoreCam.Builder builder = ScoreCam.on(model).layer("maps");
    try (ScoreCam cam = (batch > 0 ? builder.batch(batch) : builder).build()) {
      return cam.explain(input, Target.ofClass(2));
    }
  }

  private static Tensor input() {
    torch.manual_seed(3);
    return torch.rand(1, 3, 24, 24);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4})
  void aNetworkThatTakesOneRowIsScoredOneByOne(int batch) {
    try (HookedModel single =
            network("Single", "assert x.size(0) == 1, 'a batch of one'\nx = x + 0.");
        HookedModel any = network("Any", "x = x + 0.");
        Tensor input = input();
        Saliency expected = explain(any, input, 1);
        Saliency actual = explain(single, input, batch)) {
      assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
      assertEquals(1, actual.plan().rows());
      assertEquals(ChunkPlan.Basis.ONE_BY_ONE, actual.plan().basis());
      assertEquals(
          List.of("masked inputs are scored one by one: the network takes only one row at a time"),
          actual.plan().notes());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4})
  void rowsThatInfluenceEachOtherAreScoredOneByOne(int batch) {
    try (HookedModel mixing = network("Mixing", "x = x - torch.mean(x)");
        Tensor input = input();
        Saliency expected = explain(mixing, input, 1);
        Saliency actual = explain(mixing, input, batch)) {
      assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
      assertEquals(1, actual.plan().rows());
      assertTrue(
          actual.plan().notes().toString().contains("differs when others are beside it"),
          actual.plan().notes().toString());
    }
  }

  @Test
  void anInputWhoseChannelsSeemToComeLastIsToldOf() {
    try (HookedModel last = network("Last", "x = x.permute([0, 3, 1, 2])");
        Tensor input = input().permute(0, 2, 3, 1).contiguous();
        Saliency map = explain(last, input, 0)) {
      String notes = map.plan().notes().toString();
      assertTrue(
          notes.contains(
              "[1, 24, 24, 3] was taken for 24 channels of 24×3. If its channels come last"),
          notes);
    }
  }

  @Test
  void aNetworkThatIsRandomIsToldOf() {
    try (HookedModel random = network("Random", "x = torch.dropout(x, 0.5, True)");
        Tensor input = input();
        Saliency map = explain(random, input, 0)) {
      assertEquals(
          List.of(
              "masked inputs are scored one by one: the network's output for the same input differs"
                  + " from pass to pass, as with a dropout that is always on"),
          map.plan().notes());
    }
  }

  @Test
  void batchesOfImagesDoNotInfluenceEachOtherEither() {
    try (HookedModel mixing = network("Mixing", "x = x - torch.mean(x)");
        Tensor first = input();
        Tensor second = torch.rand(1, 3, 24, 24);
        Tensor both = torch.cat(new org.bytedeco.pytorch.TensorVector(first, second), 0);
        Saliency alone = explain(mixing, second, 1);
        ScoreCam cam =
            ScoreCam.on(mixing)
                .layer("maps")
                .channels(org.scorecam.mask.ChannelSelection.topMax(6))
                .build()) {
      List<Saliency> maps = cam.explainBatch(both, List.of(Target.ofClass(2), Target.ofClass(2)));
      assertClose(alone.tensor(), maps.get(1).tensor(), TOLERANCE);
      maps.forEach(Saliency::close);
    }
  }

  @Test
  void aNetworkThatChangesItsInputChangesNeitherTheCallersNorTheMaps() {
    try (HookedModel changing = network("Changing", "x.mul_(0.5).sub_(0.1)");
        HookedModel leaving = network("Leaving", "x = x * 0.5 - 0.1");
        Tensor input = input();
        Saliency expected = explain(leaving, input, 0)) {
      float[] before = Tensors.toArray(input);
      try (Saliency actual = explain(changing, input, 0)) {
        assertClose(expected.tensor(), actual.tensor(), TOLERANCE);
      }
      assertArrayEquals(before, Tensors.toArray(input));
      try (ModelOutput output = changing.forward(input)) {
        assertEquals(6, output.tensor().size(1));
      }
      assertArrayEquals(before, Tensors.toArray(input));
    }
  }
}
