package org.scorecam.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.NativeScope;

class DemoNetworkTest {
  private static final int SCENES = 400;
  private static final int BATCH = 50;

  @Test
  void namesTheKindsOfFreshScenes() throws IOException {
    Path file = DemoNetwork.extract();
    int right = 0;
    int answers = 0;
    int wholeScenes = 0;
    try (NativeScope scope = NativeScope.open()) {
      JitModule network = torch.load(file.toString());
      for (long seed = 0; seed < SCENES; seed += BATCH) {
        List<Scene> scenes = new ArrayList<>();
        for (long i = 0; i < BATCH; i++) {
          scenes.add(SceneGenerator.scene(seed + i));
        }
        List<Set<ShapeKind>> named = named(network, scenes);
        for (int i = 0; i < BATCH; i++) {
          Set<ShapeKind> there =
              scenes.get(i).objects().stream()
                  .map(SceneObject::kind)
                  .collect(Collectors.toCollection(() -> EnumSet.noneOf(ShapeKind.class)));
          for (ShapeKind kind : ShapeKind.values()) {
            answers++;
            right += named.get(i).contains(kind) == there.contains(kind) ? 1 : 0;
          }
          wholeScenes += named.get(i).equals(there) ? 1 : 0;
        }
      }
    } finally {
      Files.delete(file);
    }
    String figures =
        "%d of %d answers and %d of %d scenes right".formatted(right, answers, wholeScenes, SCENES);
    assertTrue(right >= 0.99 * answers, figures);
    assertTrue(wholeScenes >= 0.97 * SCENES, figures);
  }

  @Test
  void isSmall() throws IOException {
    Path file = DemoNetwork.extract();
    try {
      long size = Files.size(file);
      assertTrue(size > 0 && size < 2_000_000, size + " bytes");
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void theLayerToExplainHasMapsOfASixteenth() throws IOException {
    Path file = DemoNetwork.extract();
    try (NativeScope scope = NativeScope.open()) {
      JitModule network = torch.load(file.toString());
      JitModule layer = new JitModule(network.attr(DemoNetwork.LAYER).toObject());
      Tensor maps = forward(layer, SceneGenerator.scene(0).toTensor());
      assertEquals(4, maps.dim());
      assertEquals(SceneGenerator.SIZE / 16, maps.size(2));
      assertEquals(SceneGenerator.SIZE / 16, maps.size(3));
    } finally {
      Files.delete(file);
    }
  }

  private static List<Set<ShapeKind>> named(JitModule network, List<Scene> scenes) {
    try (NativeScope scope = NativeScope.open()) {
      TensorVector pictures = new TensorVector();
      scenes.forEach(scene -> pictures.push_back(scene.toTensor()));
      Tensor scores = forward(network, torch.cat(pictures, 0)).contiguous();
      List<Set<ShapeKind>> named = new ArrayList<>();
      for (int i = 0; i < scenes.size(); i++) {
        Set<ShapeKind> kinds = EnumSet.noneOf(ShapeKind.class);
        for (ShapeKind kind : ShapeKind.values()) {
          if (scores.data_ptr_float().get(i * 6L + kind.classIndex()) > 0) {
            kinds.add(kind);
          }
        }
        named.add(kinds);
      }
      return named;
    }
  }

  private static Tensor forward(JitModule module, Tensor input) {
    return module.forward(new IValueVector(new IValue(input))).toTensor();
  }
}
