package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** What a model says of its layers before and after it has seen an input. */
class LayersTest {
  @TempDir Path folder;

  private static Map<String, Layer> byPath(HookedModel model) {
    return model.layers().stream().collect(Collectors.toMap(Layer::path, layer -> layer));
  }

  @ParameterizedTest
  @ValueSource(strings = {"tinyresnet_script.pt", "tinyresnet_trace.pt"})
  void pathsAndTypesAreKnownBeforeAnyInputAndShapesAfterOne(String file) {
    try (HookedModel model = Goldens.model(file);
        Tensor input = Goldens.tensor("tinyresnet.batch.input.npy")) {
      List<Layer> before = model.layers();
      assertEquals("conv1", before.get(0).path());
      assertTrue(before.stream().allMatch(layer -> layer.outputShape().isEmpty()));
      Map<String, Layer> types = byPath(model);
      assertEquals("Conv2d", types.get("layer3.1.conv2").type());
      assertEquals("Sequential", types.get("layer3").type());
      assertEquals("Block", types.get("layer3.0").type());
      assertEquals("Linear", types.get("fc").type());
      assertEquals(2, types.get("layer3.1.conv2").depth());
      assertEquals("conv2", types.get("layer3.1.conv2").name());

      model.forward(input).close();
      Map<String, Layer> shapes = byPath(model);
      assertEquals(
          before.stream().map(Layer::path).toList(),
          model.layers().stream().map(Layer::path).toList());
      assertEquals(Optional.of(List.of(3L, 10L)), shapes.get("fc").outputShape());
      assertEquals(shapes.get("layer3.1.conv2").outputShape(), shapes.get("layer3").outputShape());
      assertEquals(4, shapes.get("conv1").outputShape().orElseThrow().size());
      assertEquals(3L, shapes.get("conv1").outputShape().orElseThrow().get(0));
    }
  }

  /** Tracing leaves modules without methods of which only the attributes are used. */
  @Test
  void modulesWithoutMethodsMayStandBesideOthers() {
    Script net =
        ScriptedModels.script(
                "Net",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.block.forward(x) * self.holder.v
                """)
            .child("block", ScriptedModels.timesPlus(2, 1))
            .child("holder", ScriptedModels.script("Holder", "").weight("v", 1));
    try (HookedModel model = net.load(folder);
        Tensor input = Tensors.of(new float[12], 1, 3, 2, 2)) {
      model.forward(input).close();
      assertEquals(Optional.of(List.of(1L, 3L, 2L, 2L)), byPath(model).get("block").outputShape());
      assertEquals(Optional.empty(), byPath(model).get("holder").outputShape());
    }
  }

  @Test
  void parentsStandBeforeTheirChildren() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      List<String> paths = model.layers().stream().map(Layer::path).toList();
      for (String path : paths) {
        int dot = path.lastIndexOf('.');
        assertTrue(dot < 0 || paths.indexOf(path.substring(0, dot)) < paths.indexOf(path), path);
      }
      assertEquals(paths.size(), paths.stream().distinct().count());
    }
  }

  @Test
  void shapesFollowTheInputSeenLast() {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor small = Tensors.of(new float[3 * 32 * 48], 1, 3, 32, 48);
        Tensor large = Tensors.of(new float[3 * 64 * 96], 1, 3, 64, 96)) {
      model.forward(small).close();
      List<Long> first = byPath(model).get("layer3").outputShape().orElseThrow();
      model.forward(large).close();
      List<Long> second = byPath(model).get("layer3").outputShape().orElseThrow();
      assertEquals(List.of(first.get(0), first.get(1), 2 * first.get(2), 2 * first.get(3)), second);
    }
  }

  @Test
  void shapesAreAlsoKnownOfNetworksThatTakeIntegers() {
    Script net =
        ScriptedModels.script(
                "Words",
                """
                def forward(self, x: Tensor) -> Tensor:
                    return self.last.forward(torch.embedding(self.table, x)).mean([1])
                """)
            .weight("table", 9, 4)
            .child("last", ScriptedModels.timesPlus(1, 0));
    try (HookedModel model = net.load(folder);
        Tensor words = Tensors.of(new float[] {7, 8, 1}, 1, 3);
        NativeScope scope = NativeScope.open()) {
      model.forward(words.to(ScalarType.Long)).close();
      assertEquals(Optional.of(List.of(1L, 3L, 4L)), byPath(model).get("last").outputShape());
    }
  }

  @Test
  void whatCannotBeCapturedHasNoShape() {
    Script net =
        ScriptedModels.script(
                "Net",
                """
                def forward(self, x: Tensor) -> Tensor:
                    if bool(x.sum() > 0):
                        x = self.sometimes.forward(x)
                    return getattr(self.list, "0").forward(x)
                """)
            .child("sometimes", ScriptedModels.timesPlus(1, 0))
            .child("list", ScriptedModels.moduleList(ScriptedModels.timesPlus(1, 0)));
    try (HookedModel model = net.load(folder);
        Tensor input = Tensors.of(new float[6], 1, 1, 2, 3)) {
      model.forward(input).close();
      Map<String, Layer> layers = byPath(model);
      assertEquals(Optional.empty(), layers.get("sometimes").outputShape());
      assertEquals(Optional.empty(), layers.get("list").outputShape());
      assertEquals("ModuleList", layers.get("list").type());
      assertEquals(Optional.of(List.of(1L, 1L, 2L, 3L)), layers.get("list.0").outputShape());
    }
  }
}
