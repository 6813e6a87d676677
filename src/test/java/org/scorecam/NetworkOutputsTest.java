package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.error.TargetException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** Outputs of every form that networks have, and the parts and cells of them that are explained. */
class NetworkOutputsTest {
  /** So that a plain tensor [N, 4], y, and its negative can stand anywhere in an output. */
  private static final String HEAD =
      """
      def forward(self, x: Tensor) -> %s:
          maps = self.maps.forward(x)
          y = torch.conv2d(maps, self.w, None, [1, 1], [0, 0], [1, 1], 1).mean([2, 3])
          %s
      """;

  @TempDir Path folder;

  private static Script maps() {
    return ScriptedModels.script(
            "Maps",
            """
            def forward(self, x: Tensor) -> Tensor:
                return torch.relu(torch.conv2d(x, self.w, None, [2, 2], [1, 1], [1, 1], 1))
            """)
        .weight("w", 6, 3, 3, 3);
  }

  private static Script network(String type, String code) {
    return ScriptedModels.script("Net", HEAD.formatted(type, code))
        .child("maps", maps())
        .weight("w", 4, 6, 1, 1);
  }

  private static Tensor input() {
    float[] values = new float[3 * 16 * 16];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i * 0.37 + i * i * 0.001);
    }
    return Tensors.of(values, 1, 3, 16, 16);
  }

  private static float[] map(HookedModel model, Target target) {
    try (ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Tensor input = input();
        Saliency saliency = cam.explain(input, target)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  private float[] map(Script network, Target target) {
    try (HookedModel model = network.load(folder)) {
      return map(model, target);
    }
  }

  /** The map of a class of y alone. */
  private float[] plain(int index) {
    return map(network("Tensor", "return y"), Target.ofClass(index));
  }

  /** The map of a class of -y alone. */
  private float[] negative(int index) {
    return map(network("Tensor", "return -y"), Target.ofClass(index));
  }

  /** The message; asserts that nothing was scored. */
  private String refusal(Script network, Target target) {
    AtomicInteger chunks = new AtomicInteger();
    try (HookedModel model = network.load(folder);
        Tensor input = input();
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("maps")
                .progress((scored, total) -> chunks.incrementAndGet())
                .build()) {
      String message =
          assertThrows(TargetException.class, () -> cam.explain(input, target)).getMessage();
      assertEquals(0, chunks.get(), "masked inputs were scored");
      return message;
    }
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @Test
  void noneBesideATensorIsSkipped() {
    Script network = network("Tuple[Optional[Tensor], Tensor]", "return None, y");
    assertArrayEquals(plain(2), map(network, Target.ofClass(2)));
    assertArrayEquals(plain(2), map(network, Target.ofClass(2).from(1)));
    assertArrayEquals(plain(2), map(network, Target.ofClass(2).from("1")));
    assertContains(
        "only a tensor can be explained; what the network returned is None",
        refusal(network, Target.ofClass(2).from("0")));
    assertContains(
        "has no part '2'; its only tensor is 1 [1, 4]",
        refusal(network, Target.ofClass(2).from("2")));
  }

  @Test
  void quantisedScoresAreReadAsNumbers() {
    String quantised = "torch.quantize_per_tensor(y, 0.001, 0, 12)";
    float[] expected =
        map(network("Tensor", "return torch.dequantize(" + quantised + ")"), Target.ofClass(2));
    assertArrayEquals(expected, map(network("Tensor", "return " + quantised), Target.ofClass(2)));
  }

  @Test
  void whatAnArgmaxChoseIsNoScore() {
    for (Target target : List.of(Target.top1(), Target.ofClass(0))) {
      assertContains(
          "the network's output of shape [1] holds numbers of type Long, which are not scores:"
              + " perhaps the class that an argmax chose",
          refusal(network("Tensor", "return y.argmax(1)"), target));
    }
    Script beside = network("Tuple[Tensor, Tensor]", "return y.argmax(1), y");
    assertArrayEquals(plain(2), map(beside, Target.ofClass(2).from(1)));
    assertContains("which are not scores", refusal(beside, Target.top1().from(0)));
  }

  @Test
  void otherValuesBesideATensorAreSkipped() {
    Script network = network("Tuple[int, List[str], Tensor, float]", "return 3, ['a'], y, 0.5");
    assertArrayEquals(plain(1), map(network, Target.ofClass(1)));
    assertContains(
        "what the network returned is a value of type int",
        refusal(network, Target.ofClass(1).from(0)));
    try (HookedModel model = network.load(folder);
        Tensor input = input();
        ModelOutput output = model.forward(input)) {
      assertEquals(
          "a tuple with 0: a value of type int, 1: a list with 0: a value of type string,"
              + " 2: tensor [1, 4], 3: a value of type double",
          output.describe());
    }
  }

  @Test
  void aNetworkThatReturnsNoTensorIsRefused() {
    assertContains(
        "only a tensor can be explained; what the network returned is a tuple with 0: None",
        refusal(
            network("Tuple[Optional[Tensor], int]", "return None, int(y.size(1))"), Target.top1()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"logits", "0"})
  void fieldsOfANamedTupleAreChosenByName(String path) {
    Script network =
        network("Tuple[Tensor, Optional[Tensor], Tensor]", "return y, None, -y")
            .namedTuple("logits", "aux", "low");
    try (HookedModel model = network.load(folder);
        Tensor input = input();
        ModelOutput output = model.forward(input)) {
      assertEquals(
          "a tuple with logits: tensor [1, 4], aux: None, low: tensor [1, 4]", output.describe());
      assertArrayEquals(plain(3), map(model, Target.ofClass(3).from(path)));
      assertArrayEquals(negative(3), map(model, Target.ofClass(3).from("low")));
      assertArrayEquals(negative(3), map(model, Target.ofClass(3).from(2)));
    }
    assertContains(
        "has no part 'logit'; its tensors are logits [1, 4], low [1, 4]",
        refusal(network, Target.ofClass(3).from("logit")));
  }

  @Test
  void nestedPartsAreChosenByPath() {
    Script network = network("Dict[str, List[Tensor]]", "return {'heads': [y, -y], 'low': [y]}");
    assertArrayEquals(negative(0), map(network, Target.ofClass(0).from("heads.1")));
    assertArrayEquals(negative(0), map(network, Target.ofClass(0).from("0.1")));
    assertArrayEquals(
        negative(0), map(network, Target.ofClass(0).from(1).from("heads")), "one after the other");
    assertArrayEquals(plain(0), map(network, Target.ofClass(0).from("low")), "its only tensor");
    assertContains(
        "is a list with 0: tensor [1, 4], 1: tensor [1, 4]; choose one of its tensors",
        refusal(network, Target.ofClass(0).from("heads")));
    assertContains(
        "has no part 'heads.2'; its tensors are heads.0 [1, 4], heads.1 [1, 4], low.0 [1, 4]",
        refusal(network, Target.ofClass(0).from("heads.2")));
    for (String path : new String[] {"", ".", "heads.", "heads..1", "heads.-1", "99999999999"}) {
      assertContains("has no part '" + path + "'", refusal(network, Target.ofClass(0).from(path)));
    }
  }

  @Test
  void aKeyThatExistsWinsOverAPositionAndOverAPath() {
    Script numeric = network("Dict[str, Tensor]", "return {'low': y * 0.5, '0': -y, '1': y}");
    assertArrayEquals(plain(1), map(numeric, Target.ofClass(1).from("1")));
    assertArrayEquals(negative(1), map(numeric, Target.ofClass(1).from(1)), "a position is one");
    assertArrayEquals(plain(1), map(numeric, Target.ofClass(1).from("2")), "no key: a position");
    Script integers = network("Dict[int, Tensor]", "return {7: -y, 0: y}");
    assertArrayEquals(plain(1), map(integers, Target.ofClass(1).from("0")));
    assertArrayEquals(negative(1), map(integers, Target.ofClass(1).from("7")));
    Script dotted =
        network("Dict[str, List[Tensor]]", "return {'a': [-y, -y], 'a.1': [y], '': [y * 2.0]}");
    assertArrayEquals(plain(2), map(dotted, Target.ofClass(2).from("a.1")));
    assertArrayEquals(plain(2), map(dotted, Target.ofClass(2).from("a.1.0")));
    assertArrayEquals(negative(2), map(dotted, Target.ofClass(2).from("a.0")));
    assertClose(
        map(network("Tensor", "return y * 2.0"), Target.ofClass(2)),
        map(dotted, Target.ofClass(2).from("")),
        1e-6);
  }

  @Test
  void thePartIsNamedInTheTarget() {
    try (HookedModel model = network("List[Tensor]", "return [y, -y]").load(folder);
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        Tensor input = input();
        Saliency saliency = cam.explain(input, Target.top1().from("1"))) {
      assertTrue(
          saliency.target().toString().matches("class \\d \\(the top class\\) of '1'"),
          saliency.target().toString());
    }
  }

  /** A dense output [N, 4, 8, 8], flattened or not. */
  private static Script dense(String code) {
    return network(
        "Tensor", "z = torch.conv2d(maps, self.w, None, [1, 1], [0, 0], [1, 1], 1)\n    " + code);
  }

  @Test
  void cellsOfAnyRankAreExplained() {
    float[] expected = map(dense("return z"), Target.at(3, 4, 7));
    assertClose(expected, map(dense("return z.flatten(2)"), Target.at(3, 39)), 1e-6);
    assertClose(expected, map(dense("return z.flatten(1)"), Target.at(3 * 64 + 39)), 1e-6);
    assertClose(
        expected,
        map(dense("return z.reshape([-1, 4, 2, 4, 2, 4])"), Target.at(3, 1, 0, 1, 3)),
        1e-6);
    assertContains(
        "cell (3, 64) is out of range: the network's output has the shape [1, 4, 64]",
        refusal(dense("return z.flatten(2)"), Target.at(3, 64)));
    assertContains(
        "cell (3) needs an output of shape [N, C]; the network's has the shape [1, 4, 64]",
        refusal(dense("return z.flatten(2)"), Target.at(3)));
    assertContains(
        "cell (0, 0, 0, 0, 0) needs an output of shape [N, …] with 5 dimensions after N",
        refusal(dense("return z"), Target.at(0, 0, 0, 0, 0)));
  }

  @Test
  void rangesAreMeans() {
    try (HookedModel model = dense("return z").load(folder)) {
      Target byHand =
          Target.of(z -> z.select(1, 3).narrow(1, 2, 3).narrow(2, 1, 6).flatten(1, -1).mean(1));
      Target block = Target.at(Slice.at(3), Slice.of(2, 5), Slice.of(1, 7));
      assertClose(map(model, byHand), map(model, block), 1e-6);
      assertEquals("mean of (3, 2:5, 1:7)", block.toString());
      float[] channel = map(model, Target.meanOf(3));
      assertClose(channel, map(model, Target.at(Slice.at(3), Slice.all(), Slice.all())), 1e-6);
      assertClose(channel, map(model, Target.at(Slice.at(3), Slice.of(0, 8), Slice.all())), 1e-6);
      assertClose(
          map(model, Target.of(z -> z.flatten(1, -1).mean(1))),
          map(model, Target.at(Slice.of(0, 4), Slice.all(), Slice.all())),
          1e-6);
    }
    assertClose(
        map(dense("return z"), Target.meanOf(3)),
        map(dense("return z.flatten(2)"), Target.meanOf(3)),
        1e-6);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {"3; 2:9; :", "3; 8:; :", "4; :; :", "3; :; 9", "0:5; :; :", "3; 4:8; 99:"})
  void rangesThatDoNotFitAreRefused(String channels, String rows, String columns) {
    Target block = Target.at(Slice.parse(channels), Slice.parse(rows), Slice.parse(columns));
    assertContains(
        block + " is out of range: the network's output has the shape [1, 4, 8, 8]",
        refusal(dense("return z"), block));
  }

  @Test
  void slicesAreReadAndWrittenAsInPython() {
    for (String notation : new String[] {"3", "2:5", "2:", ":5", ":"}) {
      assertEquals(notation, Slice.parse(notation).toString());
    }
    assertEquals(Slice.at(4), Slice.parse(" 4:5 "));
    assertEquals(Slice.all(), Slice.parse("0:"));
    for (String wrong :
        new String[] {"", "a", "-1", "1:-1", "1:2:3", "5:2", "3:3", "0:0", ":0", "1 2", "1.5"}) {
      String message = assertThrows(TargetException.class, () -> Slice.parse(wrong)).getMessage();
      assertEquals(1, message.lines().count(), message);
    }
    assertContains(
        "the range 5:2 is reversed",
        assertThrows(TargetException.class, () -> Slice.of(5, 2)).getMessage());
    assertContains(
        "the range 3:3 is empty",
        assertThrows(TargetException.class, () -> Slice.of(3, 3)).getMessage());
    assertThrows(TargetException.class, () -> Slice.at(-1));
    assertThrows(TargetException.class, () -> Target.at(new long[0]));
    assertThrows(TargetException.class, () -> Target.at(new Slice[0]));
  }

  @Test
  void oneValueForEachInputIsClassZero() {
    Script network = network("Tensor", "return y[:, 2]");
    assertArrayEquals(plain(2), map(network, Target.ofClass(0)));
    assertArrayEquals(plain(2), map(network, Target.top1()));
    assertArrayEquals(plain(2), map(network, Target.of(Tensor::clone)));
    assertContains(
        "class 1 is out of range: the network's output has the shape [1]",
        refusal(network, Target.ofClass(1)));
    try (HookedModel model = network.load(folder);
        ScoreCam cam = ScoreCam.on(model).layer("maps").build();
        NativeScope scope = NativeScope.open()) {
      Tensor three = torch.cat(new TensorVector(input(), input(), input()), 0);
      for (Saliency saliency :
          cam.explainBatch(three, List.of(Target.top1(), Target.ofClass(0), Target.top1()))) {
        assertEquals(OptionalLong.of(0), saliency.target().classIndex());
        assertClose(plain(2), Tensors.toArray(saliency.tensor()), 1e-5);
        saliency.close();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"return y[:, 2]", "return y[:, 2:3]"})
  void aSoftmaxOfOneValueIsSaid(String code) {
    try (HookedModel model = network("Tensor", code).load(folder);
        Tensor input = input()) {
      for (Recipe recipe : Recipe.published()) {
        try (ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(recipe).build();
            Saliency saliency = cam.explain(input, Target.top1())) {
          boolean softmax = recipe.score() == Recipe.Score.PROBABILITY;
          assertEquals(softmax, saliency.status().softmaxOfOneValue(), recipe.name());
          assertEquals(softmax, saliency.referenceScore() == 1, recipe.name());
          if (softmax) {
            for (float score : saliency.scores()) {
              assertTrue(score == 1 || Float.isNaN(score), () -> "a score of " + score);
            }
            try (Saliency fused = Saliency.fuse(List.of(saliency))) {
              assertTrue(fused.status().softmaxOfOneValue());
            }
          }
        }
      }
    }
    try (HookedModel model = network("Tensor", "return y").load(folder);
        Tensor input = input();
        ScoreCam cam = ScoreCam.on(model).layer("maps").recipe(Recipe.HAOFANWANG).build();
        Saliency saliency = cam.explain(input, Target.top1())) {
      assertFalse(saliency.status().softmaxOfOneValue());
    }
  }
}
