package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScriptedModels;
import org.scorecam.error.DeviceException;
import org.scorecam.error.ModelException;
import org.scorecam.error.TargetException;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/** Files that are no TorchScript networks, and networks that cannot be used. */
class ModelFilesTest {
  @TempDir Path folder;

  private static String refusal(Path file) {
    ModelException thrown =
        assertThrows(ModelException.class, () -> TorchScriptModel.load(file, Device.cpu()));
    String message = thrown.getMessage();
    assertTrue(message.contains(file.toString()), message);
    // What LibTorch says may stand in a second line.
    assertTrue(message.lines().count() <= 2, message);
    assertTrue(
        message.lines().skip(1).allMatch(line -> line.startsWith("LibTorch says: ")), message);
    assertFalse(message.contains("Exception raised from"), message);
    return message;
  }

  private static void assertContains(String part, String whole) {
    assertTrue(whole.contains(part), whole);
  }

  @Test
  void aMissingFileAndAFolderAreSaidToBeThat() {
    assertContains("does not exist", refusal(folder.resolve("none.pt")));
    assertContains("is not a file", refusal(folder));
  }

  @Test
  void whatIsNoTorchScriptIsSaidToBeThat() throws IOException {
    assertContains(
        "is not a TorchScript file", refusal(Files.writeString(folder.resolve("a.pt"), "text")));
    assertContains("is empty", refusal(Files.createFile(folder.resolve("empty.pt"))));
    assertContains("TorchScript", refusal(Goldens.file("cases.json")));
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.1, 0.5, 0.9, 0.999})
  void aTruncatedFileIsRefused(double part) throws IOException {
    byte[] whole = Files.readAllBytes(Goldens.file("tinydead_script.pt"));
    byte[] cut = Arrays.copyOf(whole, (int) (part * whole.length));
    assertContains("is truncated", refusal(Files.write(folder.resolve("cut.pt"), cut)));
  }

  @Test
  void aDamagedFileIsRefused() throws IOException {
    byte[] bytes = Files.readAllBytes(Goldens.file("tinydead_script.pt"));
    Arrays.fill(bytes, 0, bytes.length / 2, (byte) 0);
    refusal(Files.write(folder.resolve("damaged.pt"), bytes));
  }

  @Test
  void aStateDictIsRefusedWithWhatToDo() {
    String message = refusal(Path.of("src/test/resources/models/tinydead-state-dict.pth"));
    assertContains("holds weights or a pickled object without code", message);
    assertContains("torch.jit.script(model).save", message);
  }

  /** First bytes of files that people take for networks, and what is said of them. */
  private static Map<String, String> otherFiles() {
    String no = "is not a TorchScript file: ";
    return Map.of(
        "\b\b\u0012\u0007pytorch",
        no
            + "it is an ONNX file, which LibTorch cannot run; load the model in Python and save it"
            + " with torch.jit.script(model).save(FILE), or with torch.jit.trace",
        "\u0089HDF\r\n\u001a\n",
        no
            + "it is an HDF5 file, as Keras writes it; convert the network to PyTorch first, and save"
            + " it with torch.jit.script(model).save(FILE)",
        "version https://git-lfs.github.com/spec/v1\n",
        no + "it is a pointer of Git LFS, not the file itself; run 'git lfs pull'",
        "<!DOCTYPE html>",
        no + "it is an HTML or XML page in place of a download",
        "BZh91AY",
        no + "it is compressed with bzip2; unpack it, and give the TorchScript file in it",
        "\u0001\u0002\u0003\u0004",
        no + "only torch.jit.save writes one",
        "PK\u0003\u0004...",
        "is truncated or damaged");
  }

  @Test
  void whatItIsInsteadIsNamed() throws IOException {
    for (Map.Entry<String, String> other : otherFiles().entrySet()) {
      byte[] bytes = other.getKey().getBytes(StandardCharsets.ISO_8859_1);
      assertContains(other.getValue(), refusal(Files.write(folder.resolve("network.pt"), bytes)));
    }
  }

  @Test
  void weightsOfEveryKindAreRefusedWithWhatToDo() throws IOException {
    String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    ByteBuffer safetensors =
        ByteBuffer.allocate(8 + header.length() + 4).order(ByteOrder.LITTLE_ENDIAN);
    safetensors.putLong(header.length()).put(header.getBytes(StandardCharsets.US_ASCII));
    Path weights = Path.of("src/test/resources/weights");
    for (Path file :
        List.of(
            Files.write(folder.resolve("w.safetensors"), safetensors.array()),
            weights.resolve("state_dict.pth"),
            weights.resolve("module.pth"),
            weights.resolve("legacy.pth"))) {
      String message = refusal(file);
      assertContains("holds weights or a pickled object without code", message);
      assertContains("--arch NAME --weights FILE", message);
    }
  }

  @Test
  void aNetworkWithoutForwardIsRefused() {
    Path file =
        ScriptedModels.script(
                "NoForward",
                """
                def other(self, x: Tensor) -> Tensor:
                    return x
                """)
            .save(folder);
    assertContains("forward", refusal(file));
  }

  @Test
  void whatIsNoTensorCannotBeExplained() {
    try (HookedModel model =
            ScriptedModels.script(
                    "Counts",
                    """
                    def forward(self, x: Tensor) -> int:
                        return x.size(0)
                    """)
                .load(folder);
        Tensor input = Tensors.of(new float[1], 1, 1, 1, 1)) {
      try (ModelOutput output = model.forward(input)) {
        TargetException thrown = assertThrows(TargetException.class, output::tensor);
        assertContains("what the network returned is a value of type int", thrown.getMessage());
      }
    }
  }

  @Test
  void refusalsLeaveNothingBehind() throws IOException {
    Path text = Files.writeString(folder.resolve("a.pt"), "text");
    NativeObjects.assertNoneLeftBy(() -> refusal(text));
  }

  @Test
  void aDeviceThatDoesNotExistIsRefusedBeforeTheFileIsRead() {
    DeviceException thrown =
        assertThrows(
            DeviceException.class,
            () -> TorchScriptModel.load(folder.resolve("none.pt"), Device.cuda(99)));
    assertContains("there is no device cuda:99", thrown.getMessage());
  }

  @Test
  void aLoadedNetworkIsInEvaluationMode() {
    // Dropout would give another output at each call.
    try (HookedModel model = Goldens.model("tinyvgg_script.pt");
        Tensor input = Goldens.tensor("tinyvgg.input.npy");
        ModelOutput first = model.forward(input);
        ModelOutput second = model.forward(input)) {
      assertTrue(first.tensor().equal(second.tensor()));
    }
  }
}
