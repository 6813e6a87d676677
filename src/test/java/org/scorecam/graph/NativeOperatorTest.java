package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.scorecam.NativeObjects;
import org.scorecam.error.NativeErrors;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.kernel.Winograd;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/** What tests of our operators of LibTorch's dispatcher share. */
abstract class NativeOperatorTest {
  private NativeScope scope;

  @BeforeEach
  void operatorsAreThere() {
    NativeBuild.require();
    assertTrue(Winograd.isAvailable(), LibTorch.setUp().get("convolutions"));
    scope = NativeScope.open();
    torch.manual_seed(1);
  }

  @AfterEach
  void close() {
    if (scope != null) {
      scope.close();
    }
  }

  /** That a call fails, and says all of that. */
  static void assertRefused(Runnable call, String... reasons) {
    RuntimeException refusal = assertThrows(RuntimeException.class, call::run);
    String words = NativeErrors.messageOf(refusal);
    for (String reason : reasons) {
      assertTrue(words.contains(reason), words);
    }
  }

  /** That what is made is the open scope's. */
  static void assertFreedWithItsScope(Runnable making) {
    NativeObjects.assertNoneLeftBy(
        () -> {
          try (NativeScope scope = NativeScope.open()) {
            making.run();
          }
        });
  }

  /** That an operator puts out the same for two channels, however they lie in memory. */
  static void assertOtherLayoutsAreCopied(OperatorCall call) {
    Tensor wide = torch.randn(2, 4, 9, 8);
    for (Tensor view :
        new Tensor[] {
          wide.narrow(1, 1, 2),
          wide.narrow(1, 0, 2).narrow(3, 1, 5),
          wide.narrow(1, 0, 2).transpose(2, 3),
          wide.narrow(1, 0, 1).expand(2, 2, 9, 8),
          wide.narrow(0, 0, 0).narrow(1, 0, 2)
        }) {
      Tensor dense = view.contiguous(MemoryFormat.ChannelsLast).clone();
      Tensor output = call.call(view);
      assertTrue(output.is_contiguous(MemoryFormat.ChannelsLast), "another layout");
      assertTrue(output.equal(call.call(dense)), "another output");
    }
  }
}
