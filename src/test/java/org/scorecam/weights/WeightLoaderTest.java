package org.scorecam.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.MessageFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.ModelException;
import org.scorecam.runtime.NativeScope;

class WeightLoaderTest {
  @TempDir Path folder;
  private NativeScope scope;

  @BeforeEach
  void openScope() {
    scope = NativeScope.open();
  }

  @AfterEach
  void closeScope() {
    scope.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "state_dict.pth",
        "legacy.pth",
        "checkpoint.pth",
        "float16.pth",
        "bfloat16.pth",
        "script.pt"
      })
  void fillsParametersAndBuffers(String name) {
    SmallNetwork network = new SmallNetwork();
    LoadReport report = WeightLoader.into(network).load(TestFiles.resource(name));
    assertTrue(report.isComplete());
    assertEquals(Set.of(SmallNetwork.NAMES), Set.copyOf(report.loaded()));
    assertEquals("everything fits", report.toString());
    requireFormulaValues(network);
  }

  @Test
  void namesEverythingThatDoesNotFitAndTouchesNothing() {
    String header =
        """
        {"weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},\
        "conv.bias":{"dtype":"F32","shape":[4],"data_offsets":[32,48]},\
        "bn.weight":{"dtype":"F32","shape":[3],"data_offsets":[48,60]},\
        "bn.bias":{"dtype":"I64","shape":[4],"data_offsets":[60,92]}}\
        """;
    Path path = TestFiles.write(folder, TestFiles.safetensors(header, new byte[92]));
    SmallNetwork network = new SmallNetwork();
    float before = network.named_parameters().get("conv.bias").get(0).item_float();
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(network).load(path));
    assertEquals(
        path
            + " does not fit the network: 5 missing in the file: conv.weight (float32 [4, 3, 3, 3]),"
            + " head.1.weight (float32 [2, 4]), head.1.bias (float32 [2]), bn.running_mean (float32"
            + " [4]), bn.running_var (float32 [4]); 1 unexpected in the file: weight (float32 [2,"
            + " 4]); 2 of another shape or dtype: bn.weight (float32 [3] in the file, float32 [4]"
            + " in the network), bn.bias (int64 [4] in the file, float32 [4] in the network)",
        error.getMessage());
    assertEquals(before, network.named_parameters().get("conv.bias").get(0).item_float());
  }

  @Test
  void reportsInsteadWhenNotStrict() {
    SmallNetwork network = new SmallNetwork(3);
    LoadReport report =
        WeightLoader.into(network).strict(false).load(TestFiles.resource("state_dict.pth"));
    assertFalse(report.isComplete());
    assertEquals(7, report.loaded().size());
    assertEquals(Set.of("head.1.weight", "head.1.bias"), report.unfit().keySet());
    assertEquals(
        "float32 [2] in the file, float32 [3] in the network",
        report.unfit().get("head.1.bias").toString());
    assertEquals(
        SmallNetwork.value(0, 5),
        network.named_parameters().get("conv.weight").reshape(-1).get(5).item_float());
  }

  @ParameterizedTest
  @CsvSource({"float16, FLOAT16", "bfloat16, BFLOAT16", "float64, FLOAT64"})
  void convertsFloatingPointNumbers(String name, DType dtype) {
    SmallNetwork network = new SmallNetwork();
    LoadReport report = WeightLoader.into(network).load(TestFiles.resource(name + ".pth"));
    requireFormulaValues(network);
    assertEquals(Map.of(dtype, DType.FLOAT32), report.origin().conversions());
    assertEquals(name + " converted to float32", report.origin().toString());
    network.to(ScalarType.Double, false);
    assertTrue(WeightLoader.into(network).load(TestFiles.resource(name + ".pth")).isComplete());
    requireFormulaValues(network);
  }

  @Test
  void forgivesMissingBatchCounts() {
    SmallNetwork network = new SmallNetwork();
    LoadReport report =
        WeightLoader.into(network).strict(false).load(TestFiles.resource("parameters.pth"));
    assertEquals(Set.of("bn.running_mean", "bn.running_var"), report.missing().keySet());
  }

  @Test
  void renames() {
    String header =
        """
        {"module.kernel":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},\
        "module.offset":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}\
        """;
    Path path = TestFiles.write(folder, TestFiles.safetensors(header, TestFiles.floats(1, 2, 3)));
    LinearImpl linear = new LinearImpl(2, 1);
    WeightLoader loader = WeightLoader.into(linear);
    assertThrows(ModelException.class, () -> loader.load(path));
    LoadReport report =
        loader
            .renaming(name -> name.replace("kernel", "weight").replace("offset", "bias"))
            .load(path);
    assertEquals(List.of("weight", "bias"), report.loaded());
    assertEquals("module.", report.origin().prefix());
    assertEquals(3, linear.bias().item_float());
    ModelException error =
        assertThrows(ModelException.class, () -> loader.renaming(name -> "weight").load(path));
    assertEquals(
        path + " has both 'module.kernel' and 'module.offset' for 'weight'", error.getMessage());
  }

  @Test
  void ignoresWhatIsNotNeeded() {
    String header =
        """
        {"weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},\
        "bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},\
        "aux.bias":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}\
        """;
    Path path =
        TestFiles.write(folder, TestFiles.safetensors(header, TestFiles.floats(1, 2, 3, 4)));
    LinearImpl linear = new LinearImpl(2, 1);
    WeightLoader loader = WeightLoader.into(linear);
    assertThrows(ModelException.class, () -> loader.load(path));
    // What the network has is loaded, needed or not.
    LoadReport report = loader.ignoring(name -> name.endsWith("bias")).load(path);
    assertEquals(List.of("weight", "bias"), report.loaded());
    assertTrue(report.isComplete(), report::toString);
    assertEquals(3, linear.bias().item_float());
  }

  @ParameterizedTest
  @ValueSource(strings = {"module.", "backbone.", "_orig_mod.", "module._orig_mod.", "a.b.c.d."})
  void dropsPrefixesAndSaysSo(String prefix) {
    SmallNetwork network = new SmallNetwork();
    LoadReport report =
        WeightLoader.into(network)
            .ignoring(name -> name.equals("aux.bias"))
            .load(TestFiles.write(folder, small(prefix, 2, prefix + "aux.bias")));
    assertTrue(report.isComplete(), report::toString);
    assertEquals(prefix, report.origin().prefix());
    assertEquals("prefix '" + prefix + "' dropped", report.origin().toString());
    requireFormulaValues(network);
  }

  @ParameterizedTest
  @CsvSource({
    "conv.,conv._orig_mod.,'','wrapper ''_orig_mod'' dropped from the names'",
    "head.1.,module.head._checkpoint_wrapped_module.1._fsdp_wrapped_module.,'',"
        + "'wrappers ''_checkpoint_wrapped_module'', ''_fsdp_wrapped_module'', ''module'' dropped"
        + " from the names'",
    "bn.,net.bn._orig_mod.,net.,"
        + "'wrapper ''_orig_mod'' dropped from the names; prefix ''net.'' dropped'",
  })
  void dropsWrappersInsideNames(String beginning, String wrapped, String prefix, String told) {
    UnaryOperator<String> naming =
        name ->
            name.startsWith(beginning)
                ? wrapped + name.substring(beginning.length())
                : prefix + name;
    SmallNetwork network = new SmallNetwork();
    LoadReport report = WeightLoader.into(network).load(TestFiles.write(folder, small(naming, 2)));
    assertTrue(report.isComplete(), report::toString);
    assertEquals(told, sortedWrappers(report.origin()).toString());
    assertEquals(prefix, report.origin().prefix());
    requireFormulaValues(network);
  }

  private static LoadReport.Origin sortedWrappers(LoadReport.Origin origin) {
    return new LoadReport.Origin(
        origin.key(),
        origin.prefix(),
        origin.wrappers().stream().sorted().toList(),
        origin.leftOut(),
        origin.conversions());
  }

  @Test
  void keepsWrappersNamesThatTheNetworkHas() {
    Module network = new Module("network");
    network.register_module("module", new LinearImpl(2, 1));
    String header =
        """
        {"module.%1$sweight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},\
        "module.%1$sbias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}\
        """;
    for (String wrapper : List.of("", "_orig_mod.")) {
      byte[] bytes =
          TestFiles.safetensors(
              header.formatted(wrapper), TestFiles.floats(1, 2, wrapper.length()));
      LoadReport report = WeightLoader.into(network).load(TestFiles.write(folder, bytes));
      assertEquals(List.of("module.weight", "module.bias"), report.loaded());
      assertEquals("", report.origin().prefix());
      assertEquals(wrapper.length(), network.named_parameters().get("module.bias").item_float());
    }
  }

  @Test
  void wrappersStayWhereTheyTellTensorsApart() {
    UnaryOperator<String> wrapped = name -> name.replaceFirst("^bn\\.", "bn._orig_mod.");
    Path path = TestFiles.write(folder, small(wrapped, 2, "bn.weight"));
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork()).load(path));
    assertTrue(error.getMessage().contains("3 missing in the file: bn.bias"), error::getMessage);
  }

  @Test
  void leavesOutWhatLacksThePrefix() {
    Path path = TestFiles.write(folder, small("model.", 2, "loss.weight"));
    LoadReport report = WeightLoader.into(new SmallNetwork()).load(path);
    assertTrue(report.isComplete(), report::toString);
    assertEquals(List.of("loss.weight"), report.origin().leftOut());
    assertEquals(
        "prefix 'model.' dropped; 1 without the prefix left out: 'loss.weight'",
        report.origin().toString());
    // Without a prefix, it would be the network's.
    Path plain = TestFiles.write(folder, small("", 2, "loss.weight"));
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork()).load(plain));
    assertTrue(error.getMessage().contains("1 unexpected in the file: loss.weight"));
  }

  @Test
  void severalPrefixesAreForTheUserToChooseFrom() {
    String[] second = Stream.of(SmallNetwork.NAMES).map("ema."::concat).toArray(String[]::new);
    Path path = TestFiles.write(folder, small("net.", 2, second));
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork()).load(path));
    assertEquals(
        path
            + " has the network's weights under several prefixes: 'ema.', 'net.'; choose one, without"
            + " its last dot, with --weights-key, or in Java with WeightFile.open(path, key)",
        error.getMessage());
    SmallNetwork network = new SmallNetwork();
    try (WeightFile file = WeightFile.open(path, "net")) {
      assertEquals("net", file.key());
      LoadReport report = WeightLoader.into(network).load(file);
      assertEquals("found under 'net'", report.origin().toString());
    }
    requireFormulaValues(network);
  }

  @Test
  void anotherNumberOfClassesIsOneSentence() {
    Path path = TestFiles.write(folder, small("module.", 2));
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork(3)).load(path));
    assertEquals(
        path
            + " does not fit the network: its last layer has 2 classes and the network's has 3"
            + " ('head.1.weight', 'head.1.bias'); build the network with 2 classes (ZooOptions;"
            + " --classes 2)",
        error.getMessage());
  }

  @Test
  void aShardAloneIsNamed() throws IOException {
    Path path = folder.resolve("model-00001-of-00002.safetensors");
    Files.write(
        path,
        TestFiles.safetensors(
            "{\"conv.bias\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
            new byte[16]));
    ModelException error =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork()).load(path));
    assertTrue(
        error
            .getMessage()
            .endsWith("one of several shards: give their .index.json or their folder"),
        error::getMessage);
  }

  @Test
  void weightsOfWhichNothingFitsMayBeAnotherNetworks() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    Path path =
        TestFiles.write(
            folder, TestFiles.torchZip(TestFiles.stateDict(tensor), TestFiles.floats(1, 2, 3, 4)));
    String message =
        assertThrows(ModelException.class, () -> WeightLoader.into(new SmallNetwork()).load(path))
            .getMessage();
    assertTrue(
        message.contains("8 missing in the file: conv.weight (float32 [4, 3, 3, 3])"), message);
    assertTrue(
        message.endsWith("; nothing in it fits: it may be the weights of another network"),
        message);
  }

  @Test
  void onlyObjectsInPlaceOfNeededTensorsAreErrors() {
    String tensor = TestFiles.tensor(4, 0, "K\u0001\u0085", "K\u0001\u0085");
    String object = "cargparse\nNamespace\n)R";
    for (String name : List.of("note", "weight")) {
      byte[] pickle =
          TestFiles.pickle(
              "}(" + TestFiles.text("bias") + tensor + TestFiles.text(name) + object + "u");
      Path path = TestFiles.write(folder, TestFiles.torchZip(pickle, new byte[16]));
      WeightLoader loader = WeightLoader.into(new LinearImpl(1, 1)).strict(false);
      if (name.equals("note")) {
        assertEquals(List.of("bias"), loader.load(path).loaded());
      } else {
        ModelException error = assertThrows(ModelException.class, () -> loader.load(path));
        assertEquals(
            path
                + " has an object of argparse.Namespace as 'weight', where the network needs a"
                + " tensor",
            error.getMessage());
      }
    }
  }

  @Test
  void warnsOfWeightsThatAreNotFinite() {
    String header =
        """
        {"weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},\
        "bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}\
        """;
    List<String> warnings = new ArrayList<>();
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord logRecord) {
            if (logRecord.getLevel().equals(Level.WARNING)) {
              warnings.add(MessageFormat.format(logRecord.getMessage(), logRecord.getParameters()));
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger logger = Logger.getLogger(WeightLoader.class.getName());
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
    try {
      for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
        byte[] data = TestFiles.floats(1, bad, 2);
        Path path = TestFiles.write(folder, TestFiles.safetensors(header, data));
        LoadReport report = WeightLoader.into(new LinearImpl(2, 1)).load(path);
        assertTrue(report.isComplete());
        assertEquals(List.of("weight"), report.notFinite());
        assertEquals("1 with NaN or infinity: weight", report.toString());
        assertEquals(
            path + " has NaN or infinite weights: [weight]", warnings.get(warnings.size() - 1));
      }
      // Large but finite: the sum of these two overflows.
      byte[] data = TestFiles.floats(Float.MAX_VALUE, Float.MAX_VALUE, 2);
      Path path = TestFiles.write(folder, TestFiles.safetensors(header, data));
      assertEquals(List.of(), WeightLoader.into(new LinearImpl(2, 1)).load(path).notFinite());
      assertEquals(2, warnings.size());
    } finally {
      logger.removeHandler(handler);
      logger.setUseParentHandlers(true);
    }
  }

  @Test
  void leaksNothing() {
    SmallNetwork network = new SmallNetwork();
    WeightLoader loader = WeightLoader.into(network);
    loader.load(TestFiles.resource("float16.pth"));
    Module narrow = new LinearImpl(2, 1);
    assertThrows(
        ModelException.class,
        () -> WeightLoader.into(narrow).load(TestFiles.resource("script.pt")));
    long pointers = Pointer.totalCount();
    for (int i = 0; i < 20; i++) {
      loader.load(TestFiles.resource("float16.pth"));
      assertThrows(
          ModelException.class,
          () -> WeightLoader.into(narrow).load(TestFiles.resource("script.pt")));
    }
    assertTrue(Pointer.totalCount() <= pointers, () -> "now " + Pointer.totalCount());
  }

  /**
   * The small network's weights with something before each name, and further tensors of one value.
   */
  private static byte[] small(String prefix, int classes, String... further) {
    return small(prefix::concat, classes, further);
  }

  private static byte[] small(UnaryOperator<String> naming, int classes, String... further) {
    List<String> entries = new ArrayList<>();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    long[][] shapes = {{4, 3, 3, 3}, {4}, {4}, {4}, {4}, {4}, {}, {classes, 4}, {classes}};
    for (int i = 0; i < shapes.length + further.length; i++) {
      long[] shape = i < shapes.length ? shapes[i] : new long[0];
      int elements = (int) LongStream.of(shape).reduce(1, (a, b) -> a * b);
      float[] values = new float[elements];
      for (int j = 0; j < elements; j++) {
        // The batch count is its own index.
        values[j] = i == 6 ? i : SmallNetwork.value(i, j);
      }
      int begin = data.size();
      data.writeBytes(TestFiles.floats(values));
      entries.add(
          "\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(
                  i < shapes.length
                      ? naming.apply(SmallNetwork.NAMES[i])
                      : further[i - shapes.length],
                  Arrays.toString(shape),
                  begin,
                  data.size()));
    }
    return TestFiles.safetensors("{" + String.join(",", entries) + "}", data.toByteArray());
  }

  private static void requireFormulaValues(SmallNetwork network) {
    for (int i = 0; i < SmallNetwork.NAMES.length; i++) {
      String name = SmallNetwork.NAMES[i];
      Tensor found = network.named_parameters().find(name);
      Tensor tensor = found == null ? network.named_buffers().find(name) : found;
      Tensor flat = tensor.reshape(-1);
      for (long j = 0; j < flat.numel(); j++) {
        float expected = name.endsWith("num_batches_tracked") ? i : SmallNetwork.value(i, j);
        assertEquals(expected, flat.get(j).to(ScalarType.Float).item_float(), name);
      }
    }
  }
}
