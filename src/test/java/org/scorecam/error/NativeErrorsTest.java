package org.scorecam.error;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
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
  void whatAScriptAssertsIsTheOneBeneathItsTracebackToo() {
    RuntimeException thrown =
        thrownBy(
            () -> {
              JitModule module = new JitModule(new QualifiedName("Net"));
              module.define(
                  """
                  def forward(self, x: Tensor) -> Tensor:
                      assert x.size(0) == 1, 'one at a time'
                      return x
                  """);
              module.forward(new IValueVector(new IValue(torch.zeros(3))));
            });
    assertEquals("one at a time", NativeErrors.messageOf(thrown).replace("AssertionError: ", ""));
  }

  /** What a file's program raises, which a source of ours cannot say. */
  @Test
  void whatAFilesProgramRaisesIsTheOneBeneathItsTracebackToo() {
    String traceback =
        """
        The following operation failed in the TorchScript interpreter.
        Traceback of TorchScript (most recent call last):
          File "code/__torch__.py", line 11, in forward
              ops.prim.RaiseException("give me squares", "builtins.ValueError")
              ~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE
        """;
    assertEquals(
        "give me squares",
        NativeErrors.messageOf(
            new RuntimeException(traceback + "builtins.ValueError: give me squares\n")));
    assertEquals(
        "AssertionError",
        NativeErrors.messageOf(new RuntimeException(traceback + "builtins.AssertionError: \n")));
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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8.00 GiB",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA driver error: out of memory",
        "cudaErrorMemoryAllocation",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
        "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory:"
            + " you tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory)",
        "[enforce fail at alloc_cpu.cpp:83] data. DefaultCPUAllocator: not enough memory: you tried"
            + " to allocate 4096 bytes.",
        "unable to mmap 4096 bytes from file <weights>: Cannot allocate memory (12)",
        "$ Torch: unable to mmap memory: you tried to mmap 4GB.",
        "C10 Out of Memory. Trying to allocate 4096 bytes",
        "std::bad_alloc",
        "bad allocation",
        "Cannot allocate new FloatPointer(4096): totalBytes = 1M, physicalBytes = 2M: Physical"
            + " memory usage is too high: physicalBytes (2M) > maxPhysicalBytes (1M)",
      })
  void wantOfMemoryIsKnownByWhoeverSaysIt(String words) {
    RuntimeException thrown = new RuntimeException(words + "\nException raised from f at a.cpp:1");
    assertTrue(NativeErrors.isOutOfMemory(thrown));
    NativeMemoryException ours = assertThrows(NativeMemoryException.class, () -> fail(thrown));
    assertEquals("out of native memory: " + words.lines().findFirst().get(), ours.getMessage());
    assertSame(thrown, ours.getCause());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a"
            + " non-contiguous input.",
        "CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasLtMatmul( ltHandle, …)`",
        "FIND was unable to find an engine to execute this computation",
        "GET was unable to find an engine to execute this computation after trying 12 plans.",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
      })
  void lessIsTriedWhereWantOfMemoryIsLikelyButNotCalledThat(String words) {
    RuntimeException thrown = new RuntimeException(words);
    assertTrue(NativeErrors.isOutOfMemory(thrown));
    InputException ours = assertThrows(InputException.class, () -> fail(thrown));
    // Also once it has a name.
    assertTrue(NativeErrors.isOutOfMemory(ours));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
        "CUDA error: device-side assert triggered",
        "CUDA error: an illegal memory access was encountered",
        "cuDNN error: CUDNN_STATUS_BAD_PARAM",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, …)`",
        "unsupported operation: some elements of the input tensor refer to a single memory location",
        "could not create a memory descriptor from blob",
        "could not create a primitive descriptor for the convolution forward propagation primitive",
      })
  void otherFailuresAreNotTakenForWantOfMemory(String words) {
    RuntimeException thrown = new RuntimeException(words);
    assertFalse(NativeErrors.isOutOfMemory(thrown));
    assertEquals(words, assertThrows(InputException.class, () -> fail(thrown)).getMessage());
  }

  private static void fail(RuntimeException thrown) {
    NativeErrors.translate(
        () -> {
          throw thrown;
        },
        (words, e) -> new InputException(words, e));
  }

  @Test
  void javaCppsErrorsOfMemoryBecomeOurs() {
    String words = "Physical memory usage is too high: physicalBytes (2M) > maxPhysicalBytes (1M)";
    for (String message : List.of(words, "Cannot allocate new FloatPointer(9): totalBytes = 8")) {
      OutOfMemoryError thrown = new OutOfMemoryError(message);
      NativeMemoryException ours =
          assertThrows(
              NativeMemoryException.class,
              () ->
                  NativeErrors.translate(
                      () -> {
                        throw thrown;
                      },
                      (said, e) -> new InputException(said, e)));
      assertSame(thrown, ours.getCause());
      assertTrue(ours.getMessage().startsWith("out of memory: " + message), ours.getMessage());
      assertEquals(
          message.equals(words),
          ours.getMessage().endsWith("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0 lifts"),
          ours.getMessage());
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
