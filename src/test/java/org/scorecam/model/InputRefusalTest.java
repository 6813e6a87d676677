package org.scorecam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.scorecam.ScriptedModels;
import org.scorecam.error.InputException;
import org.scorecam.runtime.NativeScope;

/** What is said where LibTorch itself refuses an input: these are its words as they are today. */
class InputRefusalTest {
  @TempDir Path folder;

  private InputException refusal(String result) {
    try (NativeScope scope = NativeScope.open();
        HookedModel model =
            ScriptedModels.script(
                    "Net",
                    "def forward(self, x: Tensor) -> Tensor:\n    return %s\n".formatted(result))
                .weight("kernel", 4, 3, 3, 3)
                .weight("matrix", 5, 7)
                .load(folder)) {
      Tensor input = torch.zeros(1, 2, 2, 2);
      return assertThrows(InputException.class, () -> model.forward(input));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "torch.conv2d(x, self.kernel) | a convolution in it takes 3 channels and was given 2",
        "torch.conv2d(x[:, :1].expand(1, 3, 2, 2), self.kernel) | maps of 2 x 2 meet a convolution of"
            + " 3 x 3 in it: the input is too small",
        "torch.conv2d(x.flatten(), self.kernel) | a conv2d layer in it was given a tensor of shape [8]",
        "torch.matmul(x.flatten(1), self.matrix) | was given 8 values for each row and takes 5",
        "torch.max_pool2d(x, [4, 4]) | pooling would turn 2x2x2 values into 2x0x0: the input is too",
        "x.flatten(1) + self.matrix[0] | two tensors that it combines have 8 and 7 values",
        "x.reshape([1, 9]) | it reshapes to [1, 9] what has 8 values"
      })
  void whatIsSaidOftenIsSaidInPlainWords(String result, String expected) {
    String message = refusal(result).getMessage();
    assertTrue(
        message.startsWith("the network cannot run an input of shape [1, 2, 2, 2]: "), message);
    assertTrue(message.contains(expected), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void theRestIsQuotedInALineOfItsOwn() {
    String message = refusal("torch.linalg_cholesky(x - 1)").getMessage();
    assertEquals(
        "the network cannot run an input of shape [1, 2, 2, 2].",
        message.lines().findFirst().get());
    assertEquals(2, message.lines().count(), message);
    assertTrue(message.lines().skip(1).findFirst().get().startsWith("LibTorch says: "), message);
  }
}
