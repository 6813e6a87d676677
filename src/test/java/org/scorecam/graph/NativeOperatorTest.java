package org.scorecam.graph;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
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
}
