package org.scorecam.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.OutputArchive;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.error.ModelException;
import org.scorecam.runtime.NativeScope;
import org.scorecam.weights.WeightFile.Format;

class WeightFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "state_dict.pth, TORCH_ZIP, FLOAT32",
    "protocol4.pth, TORCH_ZIP, FLOAT32",
    "checkpoint.pth, TORCH_ZIP, FLOAT32",
    "legacy.pth, TORCH_LEGACY, FLOAT32",
    "float16.pth, TORCH_ZIP, FLOAT16",
    "bfloat16.pth, TORCH_ZIP, BFLOAT16",
    "float64.pth, TORCH_ZIP, FLOAT64",
  })
  void readsWhatTorchSaveWrites(String name, Format format, DType dtype) {
    try (WeightFile file = WeightFile.open(TestFiles.resource(name))) {
      assertEquals(format, file.format());
      assertEquals(List.of(SmallNetwork.NAMES), List.copyOf(file.tensors().keySet()));
      assertEquals(
          new TensorInfo(dtype, List.of(4L, 3L, 3L, 3L)), file.tensors().get("conv.weight"));
      assertEquals(
          new TensorInfo(DType.INT64, List.of()), file.tensors().get("bn.num_batches_tracked"));
      requireFormulaValues(file);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "trained.pth, TORCH_ZIP",
    "trained_legacy.pth, TORCH_LEGACY",
  })
  void objectsBesideTheWeightsDoNothing(String name, Format format) {
    try (WeightFile file = WeightFile.open(TestFiles.resource(name))) {
      assertEquals(format, file.format());
      assertEquals("net", file.key());
      assertEquals(
          Stream.of(SmallNetwork.NAMES).map("module._orig_mod."::concat).toList(),
          List.copyOf(file.tensors().keySet()));
    }
    try (NativeScope scope = NativeScope.open()) {
      SmallNetwork network = new SmallNetwork();
      LoadReport report = WeightLoader.into(network).load(TestFiles.resource(name));
      assertEquals(
          "found under 'net'; prefix 'module._orig_mod.' dropped", report.origin().toString());
      assertEquals(
          SmallNetwork.value(1, 3),
          network.named_parameters().get("conv.bias").get(3).item_float());
    }
  }

  @Test
  void severalWeightsAreForTheUserToChooseFrom() {
    Path path = TestFiles.resource("averaged.pth");
    ModelException error = assertThrows(ModelException.class, () -> WeightFile.open(path));
    assertEquals(
        path
            + " cannot be used: it has weights under several keys: 'model' (9 tensors),"
            + " 'ema.module' (9 tensors); choose one with --weights-key, or in Java with"
            + " WeightFile.open(path, key)",
        error.getMessage());
    try (WeightFile file = WeightFile.open(path, "model")) {
      requireFormulaValues(file);
    }
    for (String key : List.of("ema", "ema.module")) {
      try (WeightFile file = WeightFile.open(path, key)) {
        assertEquals("ema.module", file.key());
        assertEquals(SmallNetwork.value(1, 3) + 1, values(file, "conv.bias")[3]);
      }
    }
    error = assertThrows(ModelException.class, () -> WeightFile.open(path, "emma"));
    assertEquals(
        path
            + " cannot be used: it has nothing under the key 'emma'; it has weights under 'model'"
            + " (9 tensors), 'ema.module' (9 tensors)",
        error.getMessage());
  }

  @Test
  void keysAreAlsoWhatNamesBeginWith() {
    for (String name : List.of("state_dict.pth", "script.pt", "checkpoint.pth")) {
      Path path = TestFiles.resource(name);
      try (WeightFile file = WeightFile.open(path, "head")) {
        assertEquals("head", file.key());
        assertEquals(List.of("1.weight", "1.bias"), List.copyOf(file.tensors().keySet()));
      }
      ModelException error =
          assertThrows(ModelException.class, () -> WeightFile.open(path, "tail"));
      assertTrue(
          error
              .getMessage()
              .contains("nothing under the key 'tail'; its names begin with 'conv', 'bn', 'head'"),
          error::getMessage);
    }
  }

  @Test
  void readsWholeModulesWithoutTheirClasses() {
    try (WeightFile file = WeightFile.open(TestFiles.resource("module.pth"))) {
      // Without the buffer that no state dict has.
      assertEquals(Set.of(SmallNetwork.NAMES), file.tensors().keySet());
      requireFormulaValues(file);
    }
  }

  @Test
  void readsWholeModulesOfTheOlderForm() throws IOException {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    String persistentClass =
        "("
            + TestFiles.text("module")
            + "cmine\nNet\n"
            + TestFiles.text("net.py")
            + TestFiles.text("class Net: raise")
            + "tQ";
    String module =
        persistentClass
            + ")\u0081}("
            + TestFiles.text("_parameters")
            + ("}" + TestFiles.text("w") + tensor + "s")
            + TestFiles.text("_modules")
            + "}"
            + "ub";
    byte[] object = TestFiles.pickle("}" + TestFiles.text("net") + module + "s");
    byte[] bytes = TestFiles.legacy(object, "](" + TestFiles.text("0") + "e", 4);
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertEquals("net", file.key());
      assertArrayEquals(new float[] {1, 2, 3, 4}, values(file, "w"));
    }
  }

  @Test
  void findsWeightsInTuples() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    byte[] pickle = TestFiles.pickle("K\u0003}" + TestFiles.text("w") + tensor + "s\u0086");
    byte[] bytes = TestFiles.torchZip(pickle, TestFiles.floats(1, 2, 3, 4));
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertEquals("1", file.key());
      assertEquals(Set.of("w"), file.tensors().keySet());
    }
  }

  @Test
  void keysAreAlsoPositionsInListsAndNumbers() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    String dict = "}" + TestFiles.text("w") + tensor + "s";
    // {"models": [dict, {7: dict}], "1": {"w": 5}}
    byte[] pickle =
        TestFiles.pickle("}" + TestFiles.text("models") + "](" + dict + "}K\u0007" + dict + "ses");
    Path path = TestFiles.write(folder, TestFiles.torchZip(pickle, TestFiles.floats(1, 2, 3, 4)));
    for (String key : List.of("models.0", "models.1.7")) {
      try (WeightFile file = WeightFile.open(path, key)) {
        assertEquals(key, file.key());
        assertArrayEquals(new float[] {1, 2, 3, 4}, values(file, "w"));
      }
    }
    for (String key : List.of("models.2", "models.x", "models.1.6", "models.99999999999")) {
      ModelException error = assertThrows(ModelException.class, () -> WeightFile.open(path, key));
      assertTrue(
          error.getMessage().contains("it has nothing under the key '" + key + "'"),
          error::getMessage);
    }
  }

  @Test
  void severalWeightsInAListAreForTheUserToChooseFrom() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    String dict = "}" + TestFiles.text("w") + tensor + "s";
    byte[] pickle = TestFiles.pickle("](" + dict + "](" + dict + "ee");
    Path path = TestFiles.write(folder, TestFiles.torchZip(pickle, TestFiles.floats(1, 2, 3, 4)));
    ModelException error = assertThrows(ModelException.class, () -> WeightFile.open(path));
    assertTrue(
        error.getMessage().contains("several keys: '0' (1 tensor), '1.0' (1 tensor)"),
        error::getMessage);
    try (WeightFile file = WeightFile.open(path, "1.0")) {
      assertEquals(Set.of("w"), file.tensors().keySet());
    }
  }

  @Test
  void readsTensorsOfClassesOfTheirOwn() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    String rebuild = "ctorch._tensor\n_rebuild_from_type_v2\n(";
    String parameter =
        rebuild
            + "ctorch._utils\n_rebuild_parameter\ncmine\nParameter\n"
            + ("(" + tensor + "\u0089ccollections\nOrderedDict\n)Rt")
            + "}tR";
    String unknown = rebuild + "cmine\nrebuild\ncmine\nTensor\n)}tR";
    String nested = rebuild + "ctorch._tensor\n_rebuild_from_type_v2\ncmine\nTensor\n)}tR";
    byte[] pickle =
        TestFiles.pickle(
            "}("
                + (TestFiles.text("w") + parameter)
                + (TestFiles.text("odd") + unknown)
                + (TestFiles.text("nested") + nested)
                + "u");
    byte[] bytes = TestFiles.torchZip(pickle, TestFiles.floats(1, 2, 3, 4));
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertEquals(Set.of("w"), file.tensors().keySet());
      assertEquals(Set.of("odd", "nested"), file.others().keySet());
      assertArrayEquals(new float[] {1, 2, 3, 4}, values(file, "w"));
    }
  }

  @ParameterizedTest
  @CsvSource({"ComplexFloatStorage, 8", "QInt8Storage, 1", "QInt32Storage, 4"})
  void otherStoragesOfLegacyFilesArePassedOver(String storage, int elementBytes)
      throws IOException {
    String other =
        "ctorch._utils\n_rebuild_tensor_v2\n(("
            + (TestFiles.text("storage") + "ctorch\n" + storage + "\n")
            + (TestFiles.text("other") + TestFiles.text("cpu") + "K\u0003NtQ")
            + "K\u0000K\u0003\u0085K\u0001\u0085\u0089ccollections\nOrderedDict\n)RtR";
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    byte[] object =
        TestFiles.pickle(
            "}(" + TestFiles.text("phase") + other + TestFiles.text("w") + tensor + "u");
    byte[] ofWeights =
        TestFiles.legacy(object, "](" + TestFiles.text("other") + TestFiles.text("0") + "e", 4);
    // The other storage comes first: its length and its bytes.
    int begin = ofWeights.length - Long.BYTES - 4 * Float.BYTES;
    byte[] bytes = new byte[ofWeights.length + Long.BYTES + 3 * elementBytes];
    System.arraycopy(ofWeights, 0, bytes, 0, begin);
    bytes[begin] = 3;
    int rest = ofWeights.length - begin;
    System.arraycopy(ofWeights, begin, bytes, bytes.length - rest, rest);
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertEquals(Set.of("w"), file.tensors().keySet());
      assertEquals(Set.of("phase"), file.others().keySet());
      assertArrayEquals(new float[] {1, 2, 3, 4}, values(file, "w"));
    }
    bytes[begin + 6] = 1;
    ModelException error =
        assertThrows(ModelException.class, () -> WeightFile.open(TestFiles.write(folder, bytes)));
    assertTrue(error.getMessage().contains("storage 'other' has 2814"), error::getMessage);
  }

  @Test
  void readsShardsByTheirIndexOrFolder() throws IOException {
    Path index = folder.resolve("model.safetensors.index.json");
    Files.writeString(
        index,
        """
        {
          "metadata": {"total_size": 24},
          "weight_map": {"net.a": "model-1-of-2.safetensors", "net.b": "model-2-of-2.safetensors",
                         "net.c": "model-1-of-2.safetensors"}
        }
        """);
    Files.write(
        folder.resolve("model-1-of-2.safetensors"),
        TestFiles.safetensors(
            "{\"net.c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                + "\"net.a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
            TestFiles.floats(3, 1, 2)));
    ModelException error = assertThrows(ModelException.class, () -> WeightFile.open(index));
    assertEquals(
        index
            + " cannot be used: it is an index of 2 shards, of which 1 is not beside it:"
            + " 'model-2-of-2.safetensors'; put all of them into its folder",
        error.getMessage());
    Path second = folder.resolve("model-2-of-2.safetensors");
    Files.write(
        second,
        TestFiles.torchZip(
            TestFiles.stateDict(TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085")),
            TestFiles.floats(4, 5, 6, 7)));
    error = assertThrows(ModelException.class, () -> WeightFile.open(index));
    assertTrue(
        error
            .getMessage()
            .endsWith(
                "model-2-of-2.safetensors: it lacks tensor 'net.b', which the" + " index names"),
        error::getMessage);
    Files.write(
        second,
        TestFiles.safetensors(
            "{\"net.b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
            TestFiles.floats(4)));
    for (Path path : List.of(index, folder)) {
      try (WeightFile file = WeightFile.open(path)) {
        assertEquals(Format.SHARDS, file.format());
        assertEquals(List.of("net.a", "net.c", "net.b"), List.copyOf(file.tensors().keySet()));
        assertArrayEquals(new float[] {1, 2}, values(file, "net.a"));
        assertArrayEquals(new float[] {4}, values(file, "net.b"));
      }
      try (WeightFile file = WeightFile.open(path, "net")) {
        assertEquals(Set.of("a", "b", "c"), file.tensors().keySet());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../a.safetensors", "/etc/passwd", "..", "a/../b", "..\\\\a", "C:a", "\\u0000"})
  void shardsLieBesideTheirIndex(String name) {
    byte[] index = ("{\"weight_map\": {\"a\": \"" + name + "\"}}").getBytes(StandardCharsets.UTF_8);
    ModelException error =
        assertThrows(
            ModelException.class, () -> WeightFile.open(TestFiles.write(folder, index)).close());
    assertTrue(error.getMessage().contains("it names the shard '"), error::getMessage);
  }

  @Test
  void readsParameters() {
    try (WeightFile file = WeightFile.open(TestFiles.resource("parameters.pth"))) {
      assertEquals(
          List.of(
              "conv.weight", "conv.bias", "bn.weight", "bn.bias", "head.1.weight", "head.1.bias"),
          List.copyOf(file.tensors().keySet()));
      requireFormulaValues(file);
    }
  }

  @Test
  void readsTorchScript() {
    try (WeightFile file = WeightFile.open(TestFiles.resource("script.pt"))) {
      assertEquals(List.of(SmallNetwork.NAMES), List.copyOf(file.tensors().keySet()));
      requireFormulaValues(file);
    }
  }

  @Test
  void readsLibTorchArchives() {
    Path path = folder.resolve("archive.pt");
    try (NativeScope scope = NativeScope.open()) {
      SmallNetwork network = new SmallNetwork();
      WeightLoader.into(network).load(TestFiles.resource("state_dict.pth"));
      OutputArchive archive = new OutputArchive();
      network.save(archive);
      archive.save_to(path.toString());
    }
    try (WeightFile file = WeightFile.open(path)) {
      assertEquals(List.of(SmallNetwork.NAMES), List.copyOf(file.tensors().keySet()));
      requireFormulaValues(file);
    }
  }

  @Test
  void honoursStridesOffsetsAndSharing() {
    try (WeightFile file = WeightFile.open(TestFiles.resource("strided.pth"))) {
      assertArrayEquals(new float[] {20, 21, 22, 23}, values(file, "tail"));
      assertArrayEquals(new float[] {2, 8, 14, 20}, values(file, "column"));
      assertArrayEquals(new float[] {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5}, values(file, "expanded"));
      assertArrayEquals(new float[] {7}, values(file, "scalar"));
      assertArrayEquals(new float[0], values(file, "empty"));
      assertArrayEquals(new float[] {1, 0}, values(file, "bool"));
      assertArrayEquals(new float[] {-0x1p40f}, values(file, "int64"));
      assertArrayEquals(new float[] {255}, values(file, "uint8"));
      assertEquals(
          new TensorInfo(DType.FLOAT32, List.of(6L, 4L)), file.tensors().get("transposed"));
      float[] transposed = values(file, "transposed");
      for (int i = 0; i < 24; i++) {
        assertEquals(i % 4 * 6 + i / 4, transposed[i]);
      }
      try (Tensor base = file.tensor("base");
          Tensor tail = file.tensor("tail")) {
        assertEquals(base.data_ptr().address() + 80, tail.data_ptr().address());
      }
    }
  }

  @Test
  void readsSafetensors() throws IOException {
    String header =
        """
        {"__metadata__":{"format":"pt"},
         "b":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},
         "none":{"dtype":"F32","shape":[0,3],"data_offsets":[16,16]},
         "a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},
         "c":{"dtype":"BF16","shape":[],"data_offsets":[20,22]}}  \
        """;
    byte[] data = new byte[22];
    System.arraycopy(TestFiles.floats(1, 2, 3, -4), 0, data, 0, 16);
    data[17] = 0x3c; // 1.0 in float16
    data[19] = (byte) 0xc0; // -2.0
    data[21] = 0x40; // 2.0 in bfloat16
    // Once with the elements at their natural addresses, and once beside them.
    for (String padding : List.of("", " ", "  ", "   ")) {
      Path path = TestFiles.write(folder, TestFiles.safetensors(header + padding, data));
      try (WeightFile file = WeightFile.open(path)) {
        assertEquals(Format.SAFETENSORS, file.format());
        assertEquals(List.of("b", "none", "a", "c"), List.copyOf(file.tensors().keySet()));
        assertArrayEquals(new float[] {1, 2, 3, -4}, values(file, "a"));
        assertArrayEquals(new float[] {1, -2}, values(file, "b"));
        assertArrayEquals(new float[] {2}, values(file, "c"));
        assertEquals(new TensorInfo(DType.FLOAT32, List.of(0L, 3L)), file.tensors().get("none"));
        assertArrayEquals(new float[0], values(file, "none"));
      }
    }
  }

  @Test
  void readsPicklesOfPython2() throws IOException {
    // OrderedDict made of a list of pairs, the first form of _rebuild_tensor, and a Parameter.
    String parameter =
        "ctorch.nn.parameter\nParameter\n"
            + "ctorch._utils\n_rebuild_tensor\n(("
            + TestFiles.text("storage")
            + "ctorch.cuda\nFloatStorage\n"
            + TestFiles.text("94")
            + TestFiles.text("cuda:0")
            + TestFiles.number(4)
            + "NtQK\u0001K\u0003\u0085K\u0001\u0085tR\u0085\u0081\u0088\u0089N\u0087b";
    byte[] object =
        TestFiles.pickle(
            "ccollections\nOrderedDict\n]](" + TestFiles.text("w") + parameter + "ea\u0085R");
    byte[] bytes = TestFiles.legacy(object, "](" + TestFiles.text("94") + "e", 4);
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertArrayEquals(new float[] {2, 3, 4}, values(file, "w"));
    }
  }

  @Test
  void unwrapsStateDictsBesideOtherTensors() {
    String tensor = TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085");
    byte[] pickle =
        TestFiles.pickle(
            "}("
                + (TestFiles.text("loss") + tensor)
                + (TestFiles.text("model") + "}" + TestFiles.text("w") + tensor + "s")
                + "u");
    byte[] bytes = TestFiles.torchZip(pickle, TestFiles.floats(1, 2, 3, 4));
    try (WeightFile file = WeightFile.open(TestFiles.write(folder, bytes))) {
      assertEquals(List.of("w"), List.copyOf(file.tensors().keySet()));
    }
  }

  @Test
  void hostileRecordNamesAreNamesOnly() {
    Map<String, byte[]> records = new LinkedHashMap<>();
    records.put(
        "../../data.pkl",
        TestFiles.stateDict(TestFiles.tensor(4, 0, "K\u0004\u0085", "K\u0001\u0085")));
    records.put("../data/0", TestFiles.floats(1, 2, 3, 4));
    byte[] bytes = TestFiles.zip(records, ZipEntry.STORED);
    ModelException error =
        assertThrows(ModelException.class, () -> WeightFile.open(TestFiles.write(folder, bytes)));
    assertTrue(error.getMessage().contains("without the record '../data.pkl'"), error::getMessage);
    assertEquals(List.of("weights.bin"), List.of(folder.toFile().list()));
  }

  @Test
  void tensorsOutliveTheirFileAndThenUnmapIt() throws IOException {
    Path maps = Path.of("/proc/self/maps");
    Assumptions.assumeTrue(Files.exists(maps), "only Linux lists what a process has mapped");
    Path path = Files.copy(TestFiles.resource("state_dict.pth"), folder.resolve("mapped.pth"));
    try (NativeScope scope = NativeScope.open()) {
      WeightFile file = WeightFile.open(path);
      Tensor bias = file.tensor("conv.bias");
      file.close();
      file.close();
      assertThrows(IllegalStateException.class, () -> file.tensor("conv.bias"));
      assertEquals(SmallNetwork.value(1, 3), values(bias)[3]);
      assertTrue(Files.readString(maps).contains("mapped.pth"));
      bias.close();
      assertFalse(Files.readString(maps).contains("mapped.pth"));
    }
  }

  @Test
  void writingToATensorLeavesTheFileAlone() throws IOException {
    Path path = Files.copy(TestFiles.resource("state_dict.pth"), folder.resolve("written.pth"));
    byte[] before = Files.readAllBytes(path);
    try (WeightFile file = WeightFile.open(path);
        NativeScope scope = NativeScope.open();
        Tensor bias = file.tensor("conv.bias")) {
      bias.zero_();
      assertEquals(0, values(file, "conv.bias")[0]);
    }
    assertArrayEquals(before, Files.readAllBytes(path));
  }

  @Test
  void readsBeyondFourGigabytesWithoutReadingThem() throws IOException {
    long elements = (5L << 30) / Float.BYTES;
    String header =
        String.format(
            "{\"huge\":{\"dtype\":\"F32\",\"shape\":[%d],\"data_offsets\":[0,%d]},"
                + "\"last\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[%d,%d]}}",
            elements, elements * 4, elements * 4, elements * 4 + 8);
    header += " ".repeat(-header.length() & 7);
    Path path = folder.resolve("huge.safetensors");
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.write(TestFiles.safetensors(header, new byte[0]));
      // A hole, which takes no disk on the file systems we test on.
      file.seek(Long.BYTES + header.length() + elements * 4);
      file.write(TestFiles.floats(3, 4));
    }
    long before = Pointer.physicalBytes();
    try (WeightFile file = WeightFile.open(path);
        NativeScope scope = NativeScope.open();
        Tensor huge = file.tensor("huge")) {
      assertArrayEquals(new float[] {3, 4}, values(file, "last"));
      assertEquals(elements, huge.numel());
      assertEquals(0, huge.get(elements - 1).item_float());
    }
    long grown = Pointer.physicalBytes() - before;
    assertTrue(grown < 512 << 20, () -> "grown by " + grown + " bytes");
  }

  @Test
  void leaksNothing() {
    Path good = TestFiles.resource("script.pt");
    Path bad = TestFiles.write(folder, TestFiles.torchZip(TestFiles.pickle("}"), new byte[0]));
    try (PointerScope scope = new PointerScope()) {
      openAndRead(good, bad);
      long pointers = Pointer.totalCount();
      for (int i = 0; i < 20; i++) {
        openAndRead(good, bad);
      }
      assertTrue(Pointer.totalCount() <= pointers, () -> "now " + Pointer.totalCount());
    }
  }

  @Test
  void namesAnUnknownTensor() {
    try (WeightFile file = WeightFile.open(TestFiles.resource("state_dict.pth"))) {
      ModelException error = assertThrows(ModelException.class, () -> file.tensor("fc.weight"));
      assertTrue(error.getMessage().endsWith("has no tensor 'fc.weight'"), error::getMessage);
    }
  }

  private static void openAndRead(Path good, Path bad) {
    try (WeightFile file = WeightFile.open(good)) {
      file.tensors().keySet().forEach(name -> file.tensor(name).close());
    }
    assertThrows(ModelException.class, () -> WeightFile.open(bad));
  }

  private static void requireFormulaValues(WeightFile file) {
    for (String name : file.tensors().keySet()) {
      int index = List.of(SmallNetwork.NAMES).indexOf(name);
      float[] values = values(file, name);
      for (int i = 0; i < values.length; i++) {
        float expected =
            name.endsWith("num_batches_tracked") ? index : SmallNetwork.value(index, i);
        assertEquals(expected, values[i], name);
      }
    }
  }

  private static float[] values(WeightFile file, String name) {
    try (Tensor tensor = file.tensor(name)) {
      return values(tensor);
    }
  }

  private static float[] values(Tensor tensor) {
    try (NativeScope scope = NativeScope.open()) {
      float[] values = new float[Math.toIntExact(tensor.numel())];
      Tensor plain = tensor.to(ScalarType.Float).contiguous();
      if (values.length > 0) {
        new FloatPointer(plain.data_ptr()).get(values);
      }
      return values;
    }
  }
}
