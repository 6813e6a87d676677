package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.JitNode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.ScriptedModels;
import org.scorecam.ScriptedModels.Script;
import org.scorecam.kernel.BoundedPointwiseKernel;
import org.scorecam.kernel.InvertedResidualKernel;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.kernel.Winograd;
import org.scorecam.runtime.NativeScope;

/** Which operators are left after fusion, and that the network still computes the same. */
class LayerFusionTest {
  private static final double TOLERANCE = 1e-5;

  /** y = w ∗ x + b with 3×3 filters and 32 channels, for which there is an operator of ours. */
  private static final String CONV = "torch.conv2d(x, self.w, self.b, [1, 1], [1, 1], [1, 1], 1)";

  /** The same with 1×1 filters, which oneDNN runs. */
  private static final String POINT = "torch.conv2d(x, self.p, self.b, [1, 1], [0, 0], [1, 1], 1)";

  private static final String OTHER_POINT = POINT.replace("self.p", "self.q");

  private static final String ONEDNN = "mkldnn::_convolution_pointwise";

  /** W v + b of a vector for each place. */
  private static final String LINEAR =
      "torch.linear(torch.transpose(torch.flatten(x, 2), 1, 2), self.l, self.b)";

  /** Of 32 channels some have a negative scale. */
  private static final String NORM =
      "torch.batch_norm(x, self.n, self.b, self.b, self.b * self.b + 0.5, False, 0.1, 1e-5, True)";

  private static final String ONEDNN_LINEAR = "mkldnn::_linear_pointwise";

  @TempDir Path folder;

  private NativeScope scope;

  @BeforeEach
  void open() {
    scope = NativeScope.open();
    torch.manual_seed(1);
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static String winograd() {
    return Winograd.isAvailable() ? Winograd.OPERATOR : ONEDNN;
  }

  private static String winogradAdd() {
    return Winograd.isAvailable() ? Winograd.RESIDUAL_OPERATOR : ONEDNN;
  }

  /** A network whose forward has these lines, on x [2, 32, 9, 7]. */
  private static Script script(String... lines) {
    return ScriptedModels.script(
            "Fused",
            "def forward(self, x: Tensor) -> Tensor:\n    " + String.join("\n    ", lines) + "\n")
        .weight("w", 32, 32, 3, 3)
        .weight("v", 32, 32, 3, 3)
        .weight("p", 32, 32, 1, 1)
        .weight("q", 32, 32, 1, 1)
        .weight("g", 32, 4, 3, 3)
        .weight("d", 32, 1, 3, 3)
        .weight("e", 32, 1, 5, 5)
        .weight("s", 4, 32, 1, 1)
        .weight("c", 4)
        .weight("t", 32, 4, 1, 1)
        .weight("l", 32, 32)
        .weight("n", 32)
        .weight("b", 32);
  }

  private List<String> operatorsAfterFusing(int packed, String... lines) {
    return operatorsAfterFusing(script(lines).save(folder), packed, torch.randn(2, 32, 9, 7));
  }

  /** The operators of the fused network, which must put out what the network itself does. */
  private static List<String> operatorsAfterFusing(Path file, int packed, Tensor input) {
    Tensor expected = run(load(file), input);
    JitModule frozen = torch.freeze(load(file));
    assertEquals(packed, fuse(frozen, input));
    List<String> kinds =
        nodesOf(frozen).stream()
            .map(GraphNodes::kindOf)
            .filter(kind -> !kind.startsWith("prim::"))
            .toList();
    // The second and third run are of a program that TorchScript has specialised.
    for (int run = 0; run < 3; run++) {
      Tensor actual = run(frozen, input.contiguous(MemoryFormat.ChannelsLast));
      Goldens.assertClose(expected, actual, TOLERANCE);
    }
    return kinds;
  }

  private static int fuse(JitModule frozen, Tensor input) {
    FixedInputs none = FixedInputs.none(frozen);
    return LayerFusion.in(frozen, LayerInputs.of(frozen, none, input.clone()));
  }

  private static List<JitNode> nodesOf(JitModule module) {
    return GraphNodes.deepOf(module.get_method("forward").graph().block());
  }

  private static JitModule load(Path file) {
    JitModule module = torch.load(file.toString());
    module.eval();
    return module;
  }

  private static Tensor run(JitModule module, Tensor input) {
    return firstOf(module.forward(new IValueVector(new IValue(input.clone()))));
  }

  /** A network's output, or the first one in its tuple or dict. */
  private static Tensor firstOf(IValue output) {
    if (output.isTuple()) {
      return firstOf(output.toTuple().elements().vec().get(0));
    }
    return output.isGenericDict()
        ? firstOf(output.toGenericDict().begin().access().value())
        : output.toTensor().clone();
  }

  @Test
  void activationsAreTakenIn() {
    assertEquals(List.of(winograd()), operatorsAfterFusing(1, "return torch.relu(" + CONV + ")"));
    assertEquals(List.of(winograd()), operatorsAfterFusing(1, "return torch.relu_(" + CONV + ")"));
    assertEquals(List.of(ONEDNN), operatorsAfterFusing(1, "return torch.relu(" + POINT + ")"));
    for (String clipped :
        List.of("torch.relu6(%s)", "torch.hardtanh(%s, 0., 6.)", "torch.hardtanh_(%s, 0., 6.)")) {
      assertEquals(
          List.of(ONEDNN), operatorsAfterFusing(1, "return " + clipped.formatted(CONV)), clipped);
      assertEquals(
          List.of(ONEDNN), operatorsAfterFusing(1, "return " + clipped.formatted(POINT)), clipped);
    }
  }

  /** A kernel that adds does not spread what it adds. */
  @Test
  void summandsOfAnotherSizeAreNotTakenIn() {
    for (String summand : List.of("torch.mean(x, [2, 3], True)", "x[0]")) {
      List<String> kinds =
          operatorsAfterFusing(1, "return torch.relu(" + POINT + " + " + summand + ")");
      assertTrue(kinds.contains("aten::add") && kinds.contains(ONEDNN), kinds + " of " + summand);
    }
  }

  private static String pool() {
    return Winograd.isAvailable() ? MaxPooling.OPERATOR : "aten::max_pool2d";
  }

  @Test
  void maximaOfWhatLayersPutOutAreOurs() {
    String pooled = "return torch.max_pool2d(%s, %s)";
    for (String window :
        List.of(
            "[3, 3], [2, 2], [1, 1]",
            "[2, 2]",
            "[3], [1], [1], [1], True",
            "[3, 3], [2, 2], [0, 0], [1, 1], True")) {
      assertEquals(
          List.of(ONEDNN, pool()),
          operatorsAfterFusing(1, pooled.formatted("torch.relu(" + POINT + ")", window)),
          window);
    }
    assertEquals(
        List.of(ONEDNN, "aten::cat", pool(), pool()),
        operatorsAfterFusing(
            1,
            "y = torch.cat([" + POINT + ", x], 1)",
            "return torch.max_pool2d(torch.max_pool2d(y, [2, 2]), [2, 2], [1, 1])"));
  }

  @Test
  void otherMaximaStayAsTheyAre() {
    String pooled = "return torch.max_pool2d(%s, %s)";
    // Of the input nothing is known; and ours has square windows without dilation.
    for (String argument : List.of("x", "torch.cat([x, " + POINT + "], 1)")) {
      assertTrue(
          operatorsAfterFusing(
                  argument.equals("x") ? 0 : 1, pooled.formatted(argument, "[3, 3], [2, 2]"))
              .contains("aten::max_pool2d"),
          argument);
    }
    for (String window :
        List.of("[3, 2], [2, 2]", "[3, 3], [2, 1]", "[3, 3], [2, 2], [1, 1], [2, 2]")) {
      assertEquals(
          List.of(ONEDNN, "aten::max_pool2d"),
          operatorsAfterFusing(1, pooled.formatted(POINT, window)),
          window);
    }
  }

  /** As tracing a Java network leaves it. */
  @Test
  void shuffledChannelsAreOneOperator() {
    String joined =
        "y = torch.channel_shuffle(torch.cat([" + POINT + ", " + OTHER_POINT + "], 1), 4)";
    List<String> kinds = operatorsAfterFusing(2, joined, "return y");
    assertEquals(Winograd.isAvailable(), kinds.contains(ChannelShuffle.OPERATOR), kinds.toString());
    kinds =
        operatorsAfterFusing(
            2, joined, "return torch.narrow(y, 1, 0, 32) - torch.narrow(y, 1, 32, 32)");
    assertEquals(
        Winograd.isAvailable(), kinds.contains(ChannelShuffle.HALVING_OPERATOR), kinds.toString());
    assertEquals(
        Winograd.isAvailable(),
        !kinds.contains("aten::narrow") && !kinds.contains("aten::cat"),
        kinds.toString());
  }

  /** No halves, or more than these are read. */
  @Test
  void whatIsNotHalvedIsShuffledAsAWhole() {
    String joined =
        "y = torch.channel_shuffle(torch.cat([" + POINT + ", " + OTHER_POINT + "], 1), 2)";
    for (String read :
        List.of(
            "torch.narrow(y, 1, 0, 16) - torch.narrow(y, 1, 16, 16)",
            "torch.narrow(y, 1, 32, 32) - torch.narrow(y, 1, 0, 32)",
            "torch.narrow(y, 1, 0, 32) - torch.narrow(y, 1, 32, 32) * y.sum()",
            "torch.narrow(y, 2, 0, 4) - torch.narrow(y, 2, 4, 4)")) {
      List<String> kinds = operatorsAfterFusing(2, joined, "return " + read);
      assertEquals(
          Winograd.isAvailable(), kinds.contains(ChannelShuffle.OPERATOR), kinds + " of " + read);
    }
    List<String> ofTheInput =
        operatorsAfterFusing(0, "return torch.channel_shuffle(torch.cat([x, x], 1), 2)");
    assertEquals(List.of("aten::cat", "aten::channel_shuffle"), ofTheInput);
  }

  /** As torchvision writes it: {@code channel_shuffle} of shufflenetv2.py, and then a chunk. */
  @Test
  void viewedAndTransposedChannelsAreShuffled() {
    String[] lines = {
      "y = torch.cat([" + POINT + ", " + OTHER_POINT + "], 1)",
      "n, c, h, w = y.size()",
      "y = y.view(n, 2, c // 2, h, w)",
      "y = torch.transpose(y, 1, 2).contiguous()",
      "y = y.view(n, -1, h, w)",
      "a, b = y.chunk(2, dim=1)",
      "return a - b"
    };
    List<String> kinds = operatorsAfterFusing(2, lines);
    assertEquals(
        Winograd.isAvailable(), kinds.contains(ChannelShuffle.HALVING_OPERATOR), kinds.toString());
    assertEquals(Winograd.isAvailable(), !kinds.contains("aten::view"), kinds.toString());
    // Where a size is read on, what was joined stays beside it.
    String[] asking = lines.clone();
    asking[lines.length - 1] = "return (a - b).reshape(n, -1)";
    kinds = operatorsAfterFusing(2, asking);
    assertEquals(
        Winograd.isAvailable(), kinds.contains(ChannelShuffle.HALVING_OPERATOR), kinds.toString());
    // What looks alike.
    for (String[] change :
        new String[][] {
          {"y.view(n, 2, c // 2, h, w)", "y.view(n, 2, c // 2, w, h)"},
          {"torch.transpose(y, 1, 2)", "torch.transpose(y, 1, 3)"},
          {"c // 2", "c // 4 * 2"},
          {"y = y.view(n, 2, c // 2, h, w)", "y = torch.relu_(y).view(n, 2, c // 2, h, w)"},
          {"y.view(n, -1, h, w)", "y.view(n, -1, w, h)"}
        }) {
      List<String> others =
          operatorsAfterFusing(
              2,
              Arrays.stream(lines)
                  .map(line -> line.replace(change[0], change[1]))
                  .toArray(String[]::new));
      assertTrue(
          others.stream().noneMatch(kind -> kind.startsWith("scorecam::channel")),
          others + " after " + change[1]);
    }
  }

  @Test
  void smoothActivationsAreTakenInWhereWinogradIsNotLost() {
    for (String activation :
        List.of(
            "torch.silu(%s)",
            "torch.silu_(%s)", "torch.hardswish(%s)", "torch.sigmoid(%s)", "torch.gelu(%s)")) {
      assertEquals(
          List.of(ONEDNN),
          operatorsAfterFusing(1, "return " + activation.formatted(POINT)),
          activation);
    }
    assertEquals(
        List.of(winograd(), "aten::silu"),
        operatorsAfterFusing(1, "return torch.silu(" + CONV + ")"));
    assertEquals(
        List.of(ONEDNN, "aten::gelu"),
        operatorsAfterFusing(1, "return torch.gelu(" + POINT + ", approximate='tanh')"));
    assertEquals(
        List.of(ONEDNN, "aten::silu"),
        operatorsAfterFusing(1, "y = " + POINT, "return torch.silu(y + x)"));
  }

  @Test
  void otherActivationsStay() {
    assertEquals(
        List.of(winograd(), "aten::hardtanh"),
        operatorsAfterFusing(1, "return torch.hardtanh(" + CONV + ", -1., 1.)"));
    assertEquals(
        List.of(winograd(), "aten::sigmoid"),
        operatorsAfterFusing(1, "return torch.sigmoid(" + CONV + ")"));
  }

  @Test
  void sumsAreTakenInWithTheirActivation() {
    String conv = "y = " + CONV;
    assertEquals(List.of(winogradAdd()), operatorsAfterFusing(1, conv, "return y.add_(x).relu_()"));
    assertEquals(List.of(winogradAdd()), operatorsAfterFusing(1, conv, "return torch.relu(y + x)"));
    assertEquals(List.of(winogradAdd()), operatorsAfterFusing(1, conv, "return torch.relu(x + y)"));
    assertEquals(List.of(winogradAdd()), operatorsAfterFusing(1, conv, "return x + y"));
    String point = "y = " + POINT;
    assertEquals(List.of(ONEDNN), operatorsAfterFusing(1, point, "return y.add_(x).relu_()"));
    assertEquals(List.of(ONEDNN), operatorsAfterFusing(1, point, "return y + x"));
    // Beyond ReLU an activation after a sum stays.
    assertEquals(
        List.of(winogradAdd(), "aten::relu6"),
        operatorsAfterFusing(1, conv, "return torch.relu6(y + x)"));
  }

  @Test
  void aSumTakesThePlaceOfAResidualThatNobodyReadsAfterwards() {
    String first = "r = " + POINT;
    String other = "y = " + pointOf(pointOf("r"));
    List<String> over = List.of(ONEDNN, ONEDNN, ONEDNN + "_");
    assertEquals(over, operatorsAfterFusing(3, first, other, "return torch.relu(r + y)"));
    assertEquals(over, operatorsAfterFusing(3, first, other, "return y.add_(r)"));
    // One after the other.
    assertEquals(
        List.of(ONEDNN, ONEDNN, ONEDNN + "_", ONEDNN, ONEDNN + "_"),
        operatorsAfterFusing(
            5, first, other, "r = torch.relu(r + y)", other, "return torch.relu(y + r)"));
    // What it is the output of may come last.
    assertEquals(
        List.of(ONEDNN, ONEDNN + "_"),
        operatorsAfterFusing(2, "y = " + POINT, first.replace("p,", "q,"), "return y + r"));
  }

  @Test
  void aResidualThatIsStillReadStaysAsItIs() {
    String first = "r = " + POINT;
    String other = "y = " + pointOf(pointOf("r"));
    // Later, as a whole and by a view of it.
    assertEquals(
        List.of(ONEDNN, ONEDNN, ONEDNN, "aten::add"),
        operatorsAfterFusing(3, first, other, "return torch.relu(r + y) + r"));
    assertEquals(
        List.of(ONEDNN, "aten::narrow", ONEDNN, ONEDNN, "aten::add"),
        operatorsAfterFusing(
            3, first, "v = torch.narrow(r, 1, 0, 1)", other, "return (y + r) + v"));
    // By a layer that goes to where the sum is that it takes in.
    assertEquals(
        List.of(ONEDNN, ONEDNN, ONEDNN, ONEDNN, "aten::mul"),
        operatorsAfterFusing(
            4,
            first,
            other,
            "u = " + POINT.replace("x,", "r,").replace("p,", "q,"),
            "s = y + r",
            "t = u + x",
            "return s * t"));
    // It is the network's input; it is read by something else.
    assertEquals(
        List.of(ONEDNN, ONEDNN), operatorsAfterFusing(2, "y = " + pointOf(POINT), "return y + x"));
    assertEquals(
        List.of(ONEDNN, "aten::relu", ONEDNN),
        operatorsAfterFusing(2, first, "y = " + pointOf("torch.relu(r)"), "return y + r"));
  }

  /** So many channels that some are written before others are computed. */
  @Test
  void aResidualThatTheLayerItselfReadsStaysAsItIs() {
    String conv = "torch.conv2d(%s, self.p)";
    Path file =
        ScriptedModels.script(
                "Wide",
                "def forward(self, x: Tensor) -> Tensor:\n    r = %s\n    return torch.relu(%s + r)\n"
                    .formatted(conv.formatted("x"), conv.formatted("r")))
            .weight("p", 512, 512, 1, 1)
            .save(folder);
    assertEquals(List.of(ONEDNN, ONEDNN), operatorsAfterFusing(file, 2, torch.randn(2, 512, 9, 7)));
  }

  @Test
  void aSumOfTwoConvolutionsGoesWithOneOfThem() {
    List<String> kinds =
        operatorsAfterFusing(2, "y = " + CONV, "z = " + POINT, "return torch.relu(y.add_(z))");
    assertTrue(kinds.contains(ONEDNN) && kinds.size() == 2, kinds.toString());
  }

  @Test
  void sumsOfAnotherMeaningStay() {
    String conv = "y = " + CONV;
    assertEquals(
        List.of(winograd(), "aten::add"),
        operatorsAfterFusing(1, conv, "return torch.add(y, x, alpha=2)"));
    // Freezing makes a number part of the bias.
    assertEquals(List.of(winograd()), operatorsAfterFusing(1, conv, "return y + 1.5"));
    assertEquals(
        List.of(winograd(), "aten::add"),
        operatorsAfterFusing(1, conv, "return y + float(y.size(0))").stream()
            .filter(kind -> !kind.matches("aten::(size|Float)"))
            .toList());
    assertEquals(List.of(winograd(), "aten::add"), operatorsAfterFusing(1, conv, "return y + y"));
    // The sum is written to the other, which is read again.
    assertEquals(
        List.of("aten::mul", winograd(), "aten::add_", "aten::mul"),
        operatorsAfterFusing(1, "o = x * 2", conv, "s = o.add_(y)", "return s * o"));
  }

  @Test
  void whatIsReadElsewhereIsNotTakenIn() {
    String conv = "y = " + CONV;
    assertEquals(
        List.of(winograd(), "aten::relu", "aten::mul"),
        operatorsAfterFusing(1, conv, "return torch.relu(y) * y"));
    assertEquals(
        List.of(winograd(), "aten::relu_", "aten::mul"),
        operatorsAfterFusing(1, conv, "z = y.relu_()", "return z * y"));
    assertEquals(
        List.of(winogradAdd(), "aten::relu", "aten::mul"),
        operatorsAfterFusing(1, conv, "s = y + x", "return torch.relu(s) * s"));
    // A view of the output shows the sum too.
    assertEquals(
        List.of(winograd(), "aten::select", "aten::add_", "aten::mul"),
        operatorsAfterFusing(1, conv, "v = y[0]", "s = y.add_(x)", "return s * v"));
  }

  @Test
  void anInputThatIsOverwrittenIsReadBefore() {
    String copy = "x = x * 2";
    String conv = "y = " + CONV;
    for (String overwriting :
        List.of(
            "x.zero_()",
            "x[:, 3:].zero_()",
            "torch.mul(x, x, out=x)",
            "x[1].fill_(3.)",
            "x[0, 0, 0, 0] = 5")) {
      operatorsAfterFusing(1, copy, conv, overwriting, "return torch.relu(y + x)");
      operatorsAfterFusing(1, copy, conv, overwriting, "return torch.relu(y) + x");
      // Within a condition.
      operatorsAfterFusing(
          1,
          copy,
          conv,
          "if bool(x.sum() < 1e9):",
          "    " + overwriting,
          "return torch.relu(y + x)");
    }
  }

  @Test
  void anotherSummandThatIsOverwrittenIsReadBefore() {
    operatorsAfterFusing(
        1, "r = x * 2", "y = " + CONV, "s = y + r", "r.zero_()", "return torch.relu(s) + r");
    operatorsAfterFusing(
        1, "r = x * 2", "v = r[:, 1:]", "y = " + CONV, "s = y + r", "v.zero_()", "return s.relu()");
    operatorsAfterFusing(
        1, "r = x * 2", "y = " + CONV, "r.zero_()", "s = y + r", "return torch.relu(s)");
  }

  private static String depthwise(String weight, int stride, int padding) {
    return "torch.conv2d(y, self.%s, self.b, [%d, %d], [%d, %d], [1, 1], 32)"
        .formatted(weight, stride, stride, padding, padding);
  }

  private static final String EXPAND = "y = torch.relu6(" + POINT + ")";
  private static final String FILTER = "y = torch.relu6(" + depthwise("d", 1, 1) + ")";
  private static final String PROJECT =
      "y = torch.conv2d(y, self.p, self.b, [1, 1], [0, 0], [1, 1], 1)";

  private static int operators(int fused, int onTheirOwn) {
    return Winograd.isAvailable() ? fused : onTheirOwn;
  }

  private static List<String> residualThen(int onTheirOwn, String... others) {
    List<String> all = new ArrayList<>();
    if (Winograd.isAvailable()) {
      all.add(InvertedResidualKernel.OPERATOR);
    } else {
      all.addAll(Collections.nCopies(onTheirOwn, ONEDNN));
    }
    all.addAll(List.of(others));
    return all;
  }

  @Test
  void invertedResidualsAreOneOperator() {
    int one = operators(1, 3);
    assertEquals(residualThen(3), operatorsAfterFusing(one, EXPAND, FILTER, PROJECT, "return y"));
    assertEquals(
        residualThen(3), operatorsAfterFusing(one, EXPAND, FILTER, PROJECT, "return x + y"));
    assertEquals(
        residualThen(3), operatorsAfterFusing(one, EXPAND, FILTER, PROJECT, "return y.add_(x)"));
    for (String activation :
        List.of("torch.relu_", "torch.silu", "torch.hardswish", "torch.silu_")) {
      assertEquals(
          residualThen(3),
          operatorsAfterFusing(
              one,
              EXPAND.replace("torch.relu6", activation),
              FILTER.replace("torch.relu6", activation),
              PROJECT,
              "return x + y"),
          activation);
    }
    for (String filter :
        List.of(depthwise("d", 2, 1), depthwise("e", 1, 2), depthwise("e", 2, 2))) {
      assertEquals(
          residualThen(3),
          operatorsAfterFusing(one, EXPAND, "y = torch.relu6(" + filter + ")", PROJECT, "return y"),
          filter);
    }
  }

  @Test
  void partsOfInvertedResidualsAreOneOperator() {
    assertEquals(
        residualThen(2), operatorsAfterFusing(operators(1, 2), EXPAND, FILTER, "return y"));
    assertEquals(
        residualThen(2),
        operatorsAfterFusing(operators(1, 2), "y = x", FILTER, PROJECT, "return y"));
    assertEquals(
        residualThen(2),
        operatorsAfterFusing(operators(1, 2), "y = x", FILTER, PROJECT, "return x + y"));
    // Scales without a network of their own.
    assertEquals(
        residualThen(2, "aten::mean", "aten::mul", ONEDNN),
        operatorsAfterFusing(
            operators(2, 3), EXPAND, FILTER, "y = y * y.mean([2, 3], True)", PROJECT, "return y"));
    // What is added is something else, or has another scale.
    assertEquals(
        residualThen(2, "aten::mul", ONEDNN),
        operatorsAfterFusing(operators(2, 3), EXPAND, FILTER, PROJECT, "return y + x * 3"));
    assertEquals(
        residualThen(3, "aten::add"),
        operatorsAfterFusing(operators(1, 3), EXPAND, FILTER, PROJECT, "return y.add(x, alpha=2)"));
    assertEquals(
        residualThen(2, ONEDNN),
        operatorsAfterFusing(operators(2, 3), EXPAND, FILTER, PROJECT, "return torch.relu6(y)"));
  }

  private static final String MEAN = "z = torch.mean(y, [2, 3], True)";
  private static final String SQUEEZE = "z = torch.silu(" + squeeze("z", "s", "c") + ")";
  private static final String EXCITE = "z = torch.sigmoid(" + squeeze("z", "t", "b") + ")";
  private static final String SCALE = "y = z * y";

  private static String squeeze(String input, String weight, String bias) {
    return "torch.conv2d(%s, self.%s, self.%s, [1, 1], [0, 0], [1, 1], 1)"
        .formatted(input, weight, bias);
  }

  private List<String> operatorsOfSqueezed(
      int operators, String mean, String squeeze, String excite, String scale, String end) {
    return operatorsAfterFusing(
        operators, EXPAND, FILTER, mean, squeeze, excite, scale, PROJECT, end);
  }

  @Test
  void squeezeAndExcitationIsPartOfAnInvertedResidual() {
    int one = operators(1, 5);
    List<String> alone = List.of(ONEDNN, ONEDNN, "aten::mean", ONEDNN, ONEDNN, "aten::mul", ONEDNN);
    List<String> expected = Winograd.isAvailable() ? residualThen(0) : alone;
    for (String end : List.of("return y", "return x + y", "return y.add_(x)")) {
      assertEquals(expected, operatorsOfSqueezed(one, MEAN, SQUEEZE, EXCITE, SCALE, end), end);
    }
    assertEquals(
        expected,
        operatorsAfterFusing(
                one, "y = x", FILTER, MEAN, SQUEEZE, EXCITE, SCALE, PROJECT, "return y")
            .stream()
            .skip(Winograd.isAvailable() ? 0 : 1)
            .toList());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "z = torch.mean(y, [-1, -2], True) | torch.silu | torch.sigmoid | y = y * z",
        "z = torch.adaptive_avg_pool2d(y, [1, 1]) | torch.relu | torch.sigmoid | y = y.mul_(z)",
        "z = torch.adaptive_avg_pool2d(y, 1) | torch.relu_ | torch.hardsigmoid | y = z * y",
        "z = torch.mean(y, [3, 2], True) | torch.hardswish | torch.sigmoid_ | y = y.mul(z)",
        "z = torch.mean(y, [2, 3], True) | torch.neg | torch.sigmoid | y = z * y"
      })
  void squeezeIsFoundAsNetworksWriteIt(String mean, String activation, String gate, String scale) {
    String squeeze = SQUEEZE.replace("torch.silu", activation);
    String excite = EXCITE.replace("torch.sigmoid", gate);
    boolean known = !activation.equals("torch.neg");
    List<String> kinds =
        operatorsOfSqueezed(operators(known ? 1 : 4, 5), mean, squeeze, excite, scale, "return y");
    if (Winograd.isAvailable()) {
      assertEquals(known, kinds.stream().noneMatch(kind -> kind.startsWith("aten::mul")), mean);
    }
  }

  @Test
  void thatAProgramAsksForTheNumberOfDimensionsKeepsNothingFromBeingFound() {
    List<String> kinds =
        operatorsAfterFusing(
            operators(1, 5),
            EXPAND,
            FILTER,
            "assert len(y.size()) > 2",
            "assert y.dim() == 4",
            "z = torch.adaptive_avg_pool2d(y, [1, 1])",
            SQUEEZE,
            EXCITE,
            SCALE,
            PROJECT,
            "return y");
    assertEquals(!Winograd.isAvailable(), kinds.contains("aten::mul"));
  }

  @Test
  void whatIsNoSqueezeStays() {
    int apart = operators(4, 5);
    List<String[]> others =
        List.of(
            new String[] {MEAN, SQUEEZE, EXCITE, SCALE + " * z"},
            new String[] {MEAN, SQUEEZE, EXCITE, "y = z * x"},
            new String[] {MEAN, SQUEEZE, EXCITE, "y = z * y + y"},
            new String[] {MEAN, SQUEEZE, EXCITE, "y = z + y"},
            new String[] {"z = torch.mean(y, [2, 3], True) + 1", SQUEEZE, EXCITE, SCALE},
            new String[] {"z = torch.mean(y, [3], True)", SQUEEZE, EXCITE, SCALE},
            new String[] {"z = torch.mean(y * 2, [2, 3], True)", SQUEEZE, EXCITE, SCALE},
            new String[] {"z = torch.mean(x, [2, 3], True)", SQUEEZE, EXCITE, SCALE},
            new String[] {
              "z = torch.adaptive_avg_pool2d(y, [3, 1])[:, :, 1:2]", SQUEEZE, EXCITE, SCALE
            },
            new String[] {MEAN, SQUEEZE, EXCITE + " * 2", SCALE});
    for (String[] other : others) {
      List<String> kinds =
          operatorsOfSqueezed(apart, other[0], other[1], other[2], other[3], "return y");
      assertTrue(kinds.contains(ONEDNN), String.join("; ", other));
    }
  }

  @Test
  void whatIsNoInvertedResidualStays() {
    int three = 3;
    // Read elsewhere.
    operatorsAfterFusing(three, EXPAND, "z = y", FILTER, "z = z + y", PROJECT, "return y + z");
    for (String filter :
        List.of(
            depthwise("d", 3, 1),
            depthwise("d", 1, 0),
            depthwise("e", 1, 1),
            depthwise("d", 1, 2).replace("[1, 1], 32", "[2, 2], 32"),
            depthwise("d", 1, 1).replace("[1, 1], [1, 1], [1, 1]", "[1, 2], [1, 1], [1, 1]"),
            depthwise("g", 1, 1).replace(", 32)", ", 8)"))) {
      assertEquals(
          List.of(ONEDNN, ONEDNN, ONEDNN),
          operatorsAfterFusing(
              three, EXPAND, "y = torch.relu6(" + filter + ")", PROJECT, "return y"),
          filter);
    }
    assertEquals(
        List.of(ONEDNN, ONEDNN),
        operatorsAfterFusing(2, EXPAND.replace("relu6", "relu"), FILTER, "return y"));
  }

  @Test
  void anInputOfAnInvertedResidualThatIsOverwrittenIsReadBefore() {
    for (String overwriting : List.of("x.zero_()", "x[:, 3:].zero_()", "x[1].fill_(3.)")) {
      String copy = "x = x * 2";
      operatorsAfterFusing(operators(1, 3), copy, EXPAND, FILTER, PROJECT, overwriting, "return y");
      operatorsAfterFusing(operators(1, 3), copy, EXPAND, overwriting, FILTER, PROJECT, "return y");
      operatorsAfterFusing(
          operators(2, 3), copy, EXPAND, overwriting, FILTER, PROJECT, "return x + y");
      operatorsAfterFusing(
          operators(1, 3), copy, EXPAND, FILTER, PROJECT, overwriting, "return x + y");
    }
  }

  @Test
  void convolutionsWithinConditionsAndLoopsAreFused() {
    assertEquals(
        List.of("aten::sum", "aten::lt", "aten::Bool", winograd(), winogradAdd()),
        operatorsAfterFusing(
            2,
            "if bool(x.sum() < 1e9):",
            "    y = torch.relu(" + CONV + ")",
            "else:",
            "    y = torch.relu(" + CONV + " + x)",
            "return y"));
    assertEquals(
        List.of("aten::size", winogradAdd()),
        operatorsAfterFusing(
            1, "for i in range(x.size(0)):", "    x = torch.relu(" + CONV + " + x)", "return x"));
    // What comes after the condition is another block's.
    assertEquals(
        List.of("aten::sum", "aten::lt", "aten::Bool", winograd(), "aten::relu"),
        operatorsAfterFusing(
            1, "y = x", "if bool(x.sum() < 1e9):", "    y = " + CONV, "return torch.relu(y)"));
  }

  @Test
  void tracedConvolutionsAreFused() {
    String traced =
        "torch._convolution(x, self.%s, %s, [1, 1], [%d, %d], [1, 1], %s, [0, 0], 1, False, False,"
            + " True, True)";
    assertEquals(
        List.of(winogradAdd()),
        operatorsAfterFusing(
            1,
            "return torch.relu_(torch.add(x, "
                + traced.formatted("w", "self.b", 1, 1, "False")
                + "))"));
    assertEquals(
        List.of(ONEDNN),
        operatorsAfterFusing(
            1, "return torch.relu(" + traced.formatted("p", "None", 0, 0, "False") + ")"));
    // A transposed one has other weights and stays.
    assertEquals(
        List.of("aten::_convolution", "aten::relu"),
        operatorsAfterFusing(
            0, "return torch.relu(" + traced.formatted("w", "self.b", 1, 1, "True") + ")"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "self.w, self.b, [2, 1], [1, 1], [1, 1], 1",
        "self.w, self.b, [1, 1], [1, 0], [1, 1], 1",
        "self.w, self.b, [1, 1], [2, 2], [1, 1], 1",
        "self.w, self.b, [1, 1], [2, 2], [2, 2], 1",
        "self.w, None, [1, 2], [0, 1], [2, 1], 1",
        "self.g, self.b, [1, 1], [1, 1], [1, 1], 8",
        "self.g, None, [2, 2], [1, 1], [1, 1], 8",
        "self.p, None, [1, 1], [0, 0], [1, 1], 1",
        "self.p, None, [2, 2], [0, 0], [1, 1], 1",
      })
  void geometriesThatAreNotOursAreLeftToOneDnn(String arguments) {
    String conv = "torch.conv2d(x, %s)".formatted(arguments);
    assertEquals(
        List.of(ONEDNN), operatorsAfterFusing(1, "return torch.relu(" + conv + ")"), arguments);
  }

  @Test
  void convolutionsWithoutBiasArePacked() {
    assertEquals(
        List.of(winogradAdd()),
        operatorsAfterFusing(
            1, "return torch.relu(x + torch.conv2d(x, self.w, None, [1, 1], [1, 1], [1, 1], 1))"));
    assertEquals(
        List.of(winograd()),
        operatorsAfterFusing(1, "return torch.conv2d(x, self.w, None, [1, 1], [0, 0], [1, 1], 1)"));
  }

  @Test
  void otherConvolutionsStay() {
    assertEquals(
        List.of("aten::conv2d", "aten::relu"),
        operatorsAfterFusing(
            0, "return torch.relu(torch.conv2d(x, self.w, self.b, [1, 1], \"same\", [1, 1], 1))"));
    assertEquals(
        List.of("aten::mul", "aten::conv2d", "aten::relu"),
        operatorsAfterFusing(
                0,
                "weight = self.w * x[0, 0, 0, 0]",
                "return torch.relu(torch.conv2d(x, weight, self.b, [1, 1], [1, 1], [1, 1], 1))")
            .stream()
            .filter(kind -> !kind.equals("aten::select"))
            .toList());
    assertEquals(
        List.of("aten::conv_transpose2d", "aten::relu"),
        operatorsAfterFusing(
            0,
            "return torch.relu(torch.conv_transpose2d(x, self.w, self.b, [1, 1], [1, 1], [0, 0],"
                + " 1, [1, 1]))"));
    assertEquals(
        List.of("aten::flatten", "aten::conv1d", "aten::relu"),
        operatorsAfterFusing(
                0, "return torch.relu(torch.conv1d(torch.flatten(x, 2), self.w[:, :, 1]))")
            .stream()
            .filter(kind -> !kind.equals("aten::slice"))
            .toList());
  }

  /** As {@link #operatorsAfterFusing}, without what brings x into shape. */
  private List<String> ofLinear(int packed, String... lines) {
    return operatorsAfterFusing(packed, lines).stream()
        .filter(kind -> !kind.matches("aten::(flatten|transpose|mean|sum|lt|Bool)"))
        .toList();
  }

  @Test
  void linearLayersTakeActivationsIn() {
    assertEquals(List.of(ONEDNN_LINEAR), ofLinear(1, "return " + LINEAR));
    for (String activation :
        List.of(
            "torch.relu(%s)",
            "torch.relu_(%s)",
            "torch.relu6(%s)",
            "torch.silu(%s)",
            "torch.hardswish(%s)",
            "torch.sigmoid(%s)",
            "torch.gelu(%s)")) {
      assertEquals(
          List.of(ONEDNN_LINEAR),
          ofLinear(1, "return " + activation.formatted(LINEAR)),
          activation);
    }
    assertEquals(
        List.of(ONEDNN_LINEAR, "aten::gelu"),
        ofLinear(1, "return torch.gelu(" + LINEAR + ", approximate='tanh')"));
    assertEquals(
        List.of(ONEDNN_LINEAR, "aten::tanh"), ofLinear(1, "return torch.tanh(" + LINEAR + ")"));
    assertEquals(
        List.of(ONEDNN_LINEAR),
        ofLinear(1, "return torch.relu(torch.linear(torch.mean(x, [2, 3]), self.l, None))"));
  }

  @Test
  void largeWeightsArePackedForSeveralVectorsInAnImage() {
    assertEquals(
        List.of("aten::flatten", "aten::linear", "aten::relu"), ofLarge(0, "torch.flatten(x, 1)"));
    assertEquals(
        List.of("aten::flatten", "aten::transpose", ONEDNN_LINEAR),
        ofLarge(1, "torch.transpose(torch.flatten(x, 2), 1, 2)"));
  }

  /** Of 16 MiB and a row. */
  private List<String> ofLarge(int packed, String vectors) {
    Path file =
        ScriptedModels.script(
                "Large",
                "def forward(self, x: Tensor) -> Tensor:\n    return torch.relu(torch.linear("
                    + vectors
                    + ", self.l, None))\n")
            .weight("l", 2049, 2048)
            .save(folder);
    return operatorsAfterFusing(file, packed, torch.randn(2, 2048, 1, 1));
  }

  @Test
  void sumsAfterLinearLayersStay() {
    assertEquals(
        List.of(ONEDNN_LINEAR, "aten::add", "aten::relu"),
        ofLinear(1, "y = " + LINEAR, "return torch.relu(y + torch.mean(y, [1], True))").stream()
            .toList());
  }

  @Test
  void otherLinearLayersStay() {
    assertEquals(
        List.of("aten::mul", "aten::linear"),
        ofLinear(0, "return torch.linear(torch.mean(x, [2, 3]), self.l * torch.mean(x), self.b)"));
    // A vector, and one whose size is not known.
    assertEquals(
        List.of("aten::linear"),
        ofLinear(0, "return torch.linear(torch.mean(x, [0, 2, 3]), self.l, self.b)"));
    assertEquals(
        List.of("aten::linear"),
        ofLinear(
            0,
            "y = torch.mean(x, [2, 3])",
            "if bool(x.sum() < 1e9):",
            "    y = torch.linear(y, self.l, self.b)",
            "return y"));
  }

  @Test
  void normsAfterConvolutionsWhoseDimensionsAreAskedForArePartOfThem() {
    String norm = "z = torch.relu(" + NORM.replace("x,", "y,") + ")";
    for (String conv :
        List.of(CONV, CONV.replace("self.b", "None"), POINT, pointOf("torch.relu(" + NORM + ")"))) {
      List<String> kinds =
          operatorsAfterFusing(1, "y = " + conv, "d = y.dim()", norm, "return z * d");
      List<String> expected = new ArrayList<>();
      if (conv.contains("batch_norm")) {
        expected.addAll(bounded());
      } else {
        expected.add(conv.contains("self.w") ? winograd() : ONEDNN);
      }
      expected.add("aten::mul");
      assertEquals(expected, kinds, conv);
    }
    // What else reads the convolution's output wants it as it is.
    assertTrue(
        operatorsAfterFusing(1, "y = " + CONV, "d = y.dim()", norm, "return (z + y) * d")
            .contains("aten::batch_norm"));
  }

  private static String pointOf(String input) {
    return POINT.replace("x,", input + ",");
  }

  @Test
  void normsBeforeConvolutionsBecomeBounds() {
    for (String relu : List.of("torch.relu(%s)", "torch.relu_(%s)")) {
      String conv = pointOf(relu.formatted(NORM));
      assertEquals(bounded(), operatorsAfterFusing(1, "return " + conv), relu);
      // What follows the convolution is part of it, as ever.
      assertEquals(bounded(), operatorsAfterFusing(1, "return torch.relu(" + conv + ")"), relu);
      assertEquals(
          List.of("aten::clamp", ONEDNN),
          operatorsAfterFusing(1, "return torch.relu(" + conv + " + x)"),
          relu);
    }
    for (String norm :
        List.of(
            NORM.replace("self.n", "None"),
            NORM.replace("self.n, self.b", "None, None"),
            // Some or all channels are what the shift makes of them.
            NORM.replace("self.n", "self.n * 0."),
            NORM.replace("self.n", "torch.clamp(self.n, 0.)"),
            NORM.replace("self.n", "self.n * 1e-30"),
            NORM.replace("self.n", "self.n * 1e-6"))) {
      assertEquals(
          bounded(),
          operatorsAfterFusing(1, "return " + pointOf("torch.relu(" + norm + ")")),
          norm);
    }
  }

  private static List<String> bounded() {
    return Winograd.isAvailable()
        ? List.of(BoundedPointwiseKernel.OPERATOR)
        : List.of("aten::clamp", ONEDNN);
  }

  private static final String HALVES = "zs = [x[:, 16:], x[:, :16]]";

  private static final String JOINED = pointOf("torch.relu(" + NORM.replace("x,", "y,") + ")");

  @Test
  void tensorsThatAreJoinedBeforeANormStayApart() {
    NativeBuild.require();
    List<String> kinds =
        operatorsAfterFusing(
            1,
            HALVES,
            "y = torch.cat(zs, 1)",
            "assert y.dim() == 4",
            "zs.append(" + JOINED + ")",
            // The list is what it was.
            "return zs[2] + torch.mean(zs[0]) + zs[1].max()");
    assertTrue(kinds.contains(BoundedPointwiseKernel.JOINING_OPERATOR), kinds.toString());
    assertTrue(kinds.stream().noneMatch(kind -> kind.matches("aten::(cat|batch_norm|dim)")));
  }

  /** As in a traced DenseNet. */
  @Test
  void theirRankNeedNotBeAskedFor() {
    NativeBuild.require();
    assertEquals(
        List.of(
            "aten::narrow", "aten::narrow", "aten::list", BoundedPointwiseKernel.JOINING_OPERATOR),
        operatorsAfterFusing(
            1,
            "zs = [torch.narrow(x, 1, 16, 16), torch.narrow(x, 1, 0, 16)]",
            "return " + pointOf("torch.relu(" + NORM.replace("x,", "torch.cat(zs, 1),") + ")")));
  }

  @Test
  void tensorsAreJoinedFirstWhereThatIsNotForTheNormAlone() {
    NativeBuild.require();
    for (String[] lines :
        new String[][] {
          {HALVES, "y = torch.cat(zs, 1)", "return y * " + JOINED},
          {"y = torch.cat([x[:, :, 4:], x[:, :, :4]], 2)", "return " + JOINED},
          {
            HALVES,
            "y = torch.cat(zs, 1)",
            "if bool(x.sum() < 1e9):",
            "    z = " + JOINED,
            "else:",
            "    z = x",
            "return z"
          }
        }) {
      List<String> kinds = operatorsAfterFusing(1, lines);
      assertTrue(
          kinds.containsAll(List.of("aten::cat", BoundedPointwiseKernel.OPERATOR)),
          kinds.toString());
    }
  }

  @Test
  void tensorsThatAreOverwrittenAreJoinedBefore() {
    for (String change : List.of("zs[0].mul_(2.)", "zs.append(x)", "zs.clear()")) {
      List<String> kinds =
          operatorsAfterFusing(
              1,
              HALVES,
              "z = torch.relu(" + NORM.replace("x,", "torch.cat(zs, 1),") + ")",
              change,
              "return " + pointOf("z") + " * len(zs)");
      assertTrue(kinds.containsAll(List.of("aten::cat", "aten::clamp", ONEDNN)), kinds.toString());
    }
  }

  @Test
  void otherNormsStay() {
    List<String> apart = List.of("aten::batch_norm", "aten::relu", ONEDNN);
    String relu = "torch.relu(" + NORM + ")";
    String ofTheChunk = NORM.replace("False, 0.1", "True, 0.");
    assertTrue(
        operatorsAfterFusing(1, "return " + pointOf("torch.relu(" + ofTheChunk + ")"))
            .containsAll(apart));
    assertEquals(
        List.of("aten::batch_norm", "aten::relu", winograd()),
        operatorsAfterFusing(1, "return " + CONV.replace("x,", relu + ",")));
    assertEquals(
        apart, operatorsAfterFusing(1, "return " + pointOf(relu).replace("[0, 0]", "[1, 1]")));
    assertEquals(
        List.of("aten::batch_norm", "aten::silu", ONEDNN),
        operatorsAfterFusing(1, "return " + pointOf("torch.silu(" + NORM + ")")));
    // Something else reads them.
    assertEquals(apart, operatorsAfterFusing(1, "y = " + relu, "return y + " + pointOf("y")));
    assertTrue(
        operatorsAfterFusing(1, "y = " + NORM, "return y * " + pointOf("torch.relu(y)"))
            .containsAll(apart));
  }

  @Test
  void weightsThatAreNotUsedAnyMoreAreFreed() {
    JitModule frozen = torch.freeze(load(script("return torch.relu(" + CONV + ")").save(folder)));
    fuse(frozen, torch.randn(2, 32, 9, 7));
    for (JitNode node : nodesOf(frozen)) {
      assertTrue(
          !GraphNodes.kindOf(node).equals("prim::Constant") || node.output().hasUses(),
          frozen.get_method("forward").graph().toString());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "tinyresnet_script.pt",
        "tinyresnet_trace.pt",
        "tinyvgg_script.pt",
        "tinygray_script.pt",
        "tinyreuse_script.pt",
        "tinydead_script.pt",
        "tinybranch_script.pt",
        "tinyyolo_script.pt",
        "tinyseg_script.pt",
        "tinytwohead_script.pt"
      })
  void goldenNetworksHaveNoLayerLeft(String name) {
    int layers =
        (int)
            nodesOf(torch.freeze(load(Goldens.file(name)))).stream()
                .map(GraphNodes::kindOf)
                .filter(kind -> kind.matches("aten::(conv2d|_convolution|linear)"))
                .count();
    Tensor input = Goldens.tensor(name.replaceAll("_.*", "") + ".input.npy");
    List<String> kinds = operatorsAfterFusing(Goldens.file(name), layers, input);
    assertTrue(layers >= 2, name + " has " + layers);
    assertTrue(
        kinds.stream().noneMatch(kind -> kind.matches("aten::(conv2d|_convolution|linear)")),
        kinds.toString());
    if (name.startsWith("tinyresnet")) {
      assertTrue(
          kinds.stream().noneMatch(kind -> kind.matches("aten::(relu|add)_?")), kinds.toString());
    }
  }
}
