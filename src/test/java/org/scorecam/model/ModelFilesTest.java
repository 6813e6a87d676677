package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
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
    assertContains(
        "is not a TorchScript file", refusal(Files.createFile(folder.resolve("empty.pt"))));
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
