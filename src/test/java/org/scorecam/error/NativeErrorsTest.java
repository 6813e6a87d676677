package org.scorecam.error;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.scorecam.runtime.NativeScope;

/** What LibTorch throws, in words for people. */
class NativeErrorsTest {
  private static RuntimeException thrownBy(Runnable work) {
    try (NativeScope scope = NativeScope.open()) {
      return assertThrows(RuntimeException.class, work::run);
    }
  }

  @Test
  void anOperatorsErrorIsItsFirstLine() {
    RuntimeException thrown = thrownBy(() -> torch.mm(torch.zeros(2, 3), torch.zeros(4, 5)));
    assertTrue(thrown.getMessage().contains("Exception raised from"), "no C++ stack to leave out");
    assertEquals(
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", NativeErrors.messageOf(thrown));
  }

  @Test
  void aScriptsErrorIsTheOneBeneathItsTraceback() {
    RuntimeException thrown =
        thrownBy(
            () -> {
              JitModule module = new JitModule(new QualifiedName("Net"));
              module.define(
                  """
                  def inner(self, x: Tensor) -> Tensor:
                      return x.view([7])
                  def forward(self, x: Tensor) -> Tensor:
                      return self.inner(x)
                  """);
              module.forward(new IValueVector(new IValue(torch.zeros(3))));
            });
    assertTrue(thrown.getMessage().lines().count() > 3, thrown.getMessage());
    assertEquals("shape '[7]' is invalid for input of size 3", NativeErrors.messageOf(thrown));
  }

  @Test
  void errorsWithoutAMessageAreNamedByTheirClass() {
    assertEquals("IllegalStateException", NativeErrors.messageOf(new IllegalStateException()));
    assertEquals("RuntimeException", NativeErrors.messageOf(new RuntimeException(" \n ")));
    assertEquals(
        "RuntimeException",
        NativeErrors.messageOf(new RuntimeException("Exception raised from f at a.cpp:1")));
  }

  @Test
  void failuresBecomeErrorsOfOursWithTheirCause() {
    RuntimeException cause = new RuntimeException("boom\nException raised from f");
    InputException ours =
        assertThrows(
            InputException.class,
            () ->
                NativeErrors.translate(
                    () -> {
                      throw cause;
                    },
                    (words, e) -> new InputException("failed: " + words, e)));
    assertEquals("failed: boom", ours.getMessage());
    assertSame(cause, ours.getCause());
  }

  @Test
  void errorsOfOursPassUnchanged() {
    TargetException mine = new TargetException("mine");
    assertSame(
        mine,
        assertThrows(
            TargetException.class,
            () ->
                NativeErrors.translate(
                    () -> {
                      throw mine;
                    },
                    (words, e) -> new InputException(words, e))));
  }

  @Test
  void memoryThatCannotBeHadIsAnErrorOfItsOwn() {
    try (NativeScope scope = NativeScope.open()) {
      NativeMemoryException thrown =
          assertThrows(
              NativeMemoryException.class,
              () ->
                  NativeErrors.translate(
                      () -> torch.empty(1L << 30, 1L << 20, 1L << 8),
                      (words, e) -> new InputException(words, e)));
      assertTrue(thrown.getMessage().startsWith("out of native memory: "), thrown.getMessage());
      assertEquals(1, thrown.getMessage().lines().count());
    }
  }

  @Test
  void scopesFreeWhatTheyDoNotKeepAndRecordNoGradients() {
    Tensor kept;
    Tensor freed;
    try (NativeScope outer = NativeScope.open()) {
      Tensor weight = torch.ones(2).set_requires_grad(true);
      try (NativeScope inner = NativeScope.open()) {
        kept = inner.keep(weight.mul(weight));
        freed = weight.add(weight);
        assertTrue(!freed.isNull());
      }
      assertTrue(freed.isNull(), "not freed with its scope");
      // An inner scope's end does not bring gradients back.
      assertTrue(!weight.mul(weight).requires_grad());
    }
    assertEquals(2, kept.sum().item_float());
    assertTrue(!kept.requires_grad());
    kept.close();
    assertTrue(kept.isNull());
  }
}
