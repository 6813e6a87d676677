package org.scorecam.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.Float32Backend;
import org.bytedeco.pytorch.global.torch.Float32MatmulPrecision;
import org.bytedeco.pytorch.global.torch.Float32Op;
import org.bytedeco.pytorch.global.torch.Float32Precision;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.error.InputException;
import org.scorecam.error.TargetException;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;

/** What is read at each call is ours while we work, and what it was when we are done. */
class LibTorchWorkTest {
  /** As a host might have them, each other than in our work. */
  private static final int HOST_THREADS = 3;

  private static final int HOST_BLAS_THREADS = 2;

  private final Context context = context();
  private final ThreadCounts counts = LibTorch.threadCounts();
  private Values atFirst;
  private Values hosts;

  private static Context context() {
    LibTorch.load();
    return torch.globalContext();
  }

  /** All that is borrowed. */
  private record Values(
      int threads,
      int openBlas,
      boolean nnpack,
      boolean benchmark,
      TensorFloat32.Convolutions convolutions,
      TensorFloat32.Products products) {

    boolean allowTensorFloat32() {
      return convolutions.convolution() == Float32Precision.TF32
          && products.cuda() == Float32Precision.TF32;
    }

    boolean forbidTensorFloat32() {
      return convolutions.convolution() != Float32Precision.TF32
          && products.cuda() != Float32Precision.TF32;
    }
  }

  private Values values() {
    return new Values(
        counts.ofThisThread(),
        counts.ofOpenBlas(),
        context.userEnabledNNPACK(),
        context.benchmarkCuDNN(),
        TensorFloat32.Convolutions.read(context),
        TensorFloat32.Products.read(context));
  }

  private void set(Values values) {
    counts.setOfThisThread(values.threads);
    counts.setOfOpenBlas(values.openBlas);
    context.setUserEnabledNNPACK(values.nnpack);
    context.setBenchmarkCuDNN(values.benchmark);
    values.convolutions.write(context);
    values.products.write(context);
  }

  @BeforeEach
  void beAHost() {
    atFirst = values();
    context.setAllowTF32CuDNN(true);
    context.setFloat32MatmulPrecision("medium");
    counts.setOfThisThread(HOST_THREADS);
    counts.setOfOpenBlas(HOST_BLAS_THREADS);
    context.setUserEnabledNNPACK(true);
    context.setBenchmarkCuDNN(false);
    hosts = values();
    assertEquals(Float32MatmulPrecision.MEDIUM, hosts.products.flag());
    assertEquals(Float32Precision.BF16, hosts.products.cpu());
    assertTrue(hosts.allowTensorFloat32());
  }

  @AfterEach
  void goHome() {
    set(atFirst);
    assertEquals(atFirst, values());
  }

  private void assertOurs(Values now) {
    // What surefire's property says.
    assertEquals(1, now.threads);
    assertEquals(1, now.openBlas);
    assertFalse(now.nnpack);
    assertTrue(now.benchmark);
    assertTrue(now.forbidTensorFloat32(), now.toString());
    assertEquals(Float32Precision.IEEE, now.products.cpu());
    // The older functions throw where the two kinds of flags disagree; then these are null.
    assertEquals(false, now.convolutions.flag());
    assertEquals(Float32MatmulPrecision.HIGHEST, now.products.flag());
  }

  private static <T> T inAnotherThread(Callable<T> work) throws Exception {
    FutureTask<T> task = new FutureTask<>(work);
    Thread thread = new Thread(task);
    thread.start();
    T result = task.get(60, TimeUnit.SECONDS);
    thread.join();
    return result;
  }

  @Test
  void explainingBorrows() {
    List<Values> during = new ArrayList<>();
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("layer2")
                .progress((scored, total) -> during.add(values()))
                .build()) {
      assertEquals(hosts, values());
      cam.explain(input, Target.ofClass(3)).close();
      assertEquals(hosts, values());
      cam.warmUp(3, input.size(2), input.size(3));
      assertEquals(hosts, values());
    }
    assertFalse(during.isEmpty());
    during.forEach(this::assertOurs);
    assertEquals(hosts, values());
  }

  @Test
  void failuresGiveBack() {
    IllegalStateException mine = new IllegalStateException("mine");
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("layer2").build();
        ScoreCam listening =
            ScoreCam.on(model)
                .layer("layer2")
                .progress(
                    (scored, total) -> {
                      throw mine;
                    })
                .build();
        Tensor flat = torch.zeros(new long[] {1, 7, 2, 2})) {
      assertThrows(TargetException.class, () -> cam.explain(input, Target.ofClass(99999)));
      assertEquals(hosts, values());
      assertThrows(InputException.class, () -> cam.explain(flat, Target.ofClass(3)));
      assertEquals(hosts, values());
      assertThrows(RuntimeException.class, () -> listening.explain(input, Target.ofClass(3)));
      assertEquals(hosts, values());
      assertThrows(InputException.class, () -> model.forward(flat));
      assertEquals(hosts, values());
      Scorer scorer =
          model.scorer(Precision.FLOAT32, InputShape.of(3, input.size(2), input.size(3)));
      assertEquals(hosts, values());
      assertThrows(InputException.class, () -> scorer.score(flat));
    }
    assertEquals(hosts, values());
  }

  @Test
  void runningANetworkIsAWorkByItself() {
    List<Values> inHook = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      model.registerForwardHook("layer2", (layer, output) -> inHook.add(values()));
      try (ModelOutput output = model.forward(input)) {
        assertEquals(hosts, values());
        assertTrue(output.tensor().numel() > 0);
      }
      Scorer scorer = model.scorer();
      scorer.score(input.contiguous(scorer.memoryFormat())).close();
      // A scope that is open is no work of ours.
      assertEquals(hosts, values());
    }
    // What a hook computes is its host's.
    assertEquals(List.of(hosts), inHook);
  }

  @Test
  void worksNest() {
    try (LibTorchWork outer = LibTorchWork.begin()) {
      assertOurs(values());
      try (LibTorchWork inner = LibTorchWork.begin()) {
        assertOurs(values());
        inner.close();
        assertOurs(values());
      }
      assertOurs(values());
      outer.close();
      assertEquals(hosts, values());
    }
    assertEquals(hosts, values());
  }

  @Test
  void theLastOfSeveralThreadsGivesBack() throws Exception {
    CyclicBarrier steps = new CyclicBarrier(2);
    FutureTask<Values> other =
        new FutureTask<>(
            () -> {
              counts.setOfThisThread(HOST_THREADS + 1);
              steps.await(60, TimeUnit.SECONDS); // 1: the first has begun
              try (LibTorchWork work = LibTorchWork.begin()) {
                assertOurs(values());
                steps.await(60, TimeUnit.SECONDS); // 2: both work
                steps.await(60, TimeUnit.SECONDS); // 3: the first is done
                assertOurs(values());
              }
              return values();
            });
    Thread thread = new Thread(other);
    thread.start();
    try (LibTorchWork work = LibTorchWork.begin()) {
      steps.await(60, TimeUnit.SECONDS);
      steps.await(60, TimeUnit.SECONDS);
      assertOurs(values());
    }
    // Its own number of threads is back, all else not before the other is done.
    assertEquals(HOST_THREADS, counts.ofThisThread());
    assertEquals(1, counts.ofOpenBlas());
    assertFalse(context.userEnabledNNPACK());
    steps.await(60, TimeUnit.SECONDS);
    Values afterwards = other.get(60, TimeUnit.SECONDS);
    assertEquals(HOST_THREADS + 1, afterwards.threads);
    assertEquals(hosts.openBlas, afterwards.openBlas);
    assertEquals(hosts, values());
  }

  @Test
  void twoThreadsExplainAtOnce() throws Exception {
    List<FutureTask<Values>> tasks = new ArrayList<>();
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy");
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("layer2")
                .progress((scored, total) -> assertOurs(values()))
                .build()) {
      for (int i = 0; i < 2; i++) {
        tasks.add(
            new FutureTask<>(
                () -> {
                  for (int run = 0; run < 20; run++) {
                    try (Saliency map = cam.explain(input, Target.ofClass(3))) {
                      assertTrue(map.status().passes() > 0);
                    }
                  }
                  return null;
                }));
      }
      List<Thread> threads = tasks.stream().map(Thread::new).toList();
      threads.forEach(Thread::start);
      for (FutureTask<Values> task : tasks) {
        task.get(120, TimeUnit.SECONDS);
      }
    }
    assertEquals(hosts, values());
  }

  @Test
  void threadsThatAreNewDoNotNotice() throws Exception {
    int before = inAnotherThread(counts::ofThisThread);
    int during;
    try (LibTorchWork work = LibTorchWork.begin()) {
      assertEquals(1, counts.ofThisThread());
      during = inAnotherThread(counts::ofThisThread);
    }
    Assumptions.assumeTrue(before != 1, "LibTorch chooses one thread here; nothing would show");
    assertEquals(before, during);
    assertEquals(before, inAnotherThread(counts::ofThisThread));
  }

  @Test
  void whatTheHostSetsMeanwhileStays() {
    try (LibTorchWork work = LibTorchWork.begin()) {
      counts.setOfThisThread(HOST_THREADS + 2);
      counts.setOfOpenBlas(HOST_BLAS_THREADS + 1);
      context.setFloat32MatmulPrecision("high");
    }
    Values now = values();
    assertEquals(HOST_THREADS + 2, now.threads);
    assertEquals(HOST_BLAS_THREADS + 1, now.openBlas);
    assertEquals(Float32MatmulPrecision.HIGH, now.products.flag());
    // The others are what they were.
    assertEquals(hosts.convolutions, now.convolutions);
    assertEquals(hosts.nnpack, now.nnpack);
    assertEquals(hosts.benchmark, now.benchmark);
  }

  @Test
  void tensorFloat32IsAllowedWhileSomeoneAsksForIt() throws Exception {
    context.setAllowTF32CuDNN(false);
    context.setFloat32MatmulPrecision("highest");
    Values exact = values();
    try (LibTorchWork work = LibTorchWork.begin()) {
      assertOurs(values());
      try (LibTorchWork rounding = LibTorchWork.beginInTensorFloat32()) {
        assertTrue(values().allowTensorFloat32());
        assertTrue(context.allowTF32CuDNN());
        assertTrue(context.allowTF32CuBLAS());
        inAnotherThread(
            () -> {
              LibTorchWork.beginInTensorFloat32().close();
              return null;
            });
        assertTrue(values().allowTensorFloat32());
      }
      assertOurs(values());
    }
    assertEquals(exact, values());
    LibTorchWork.beginInTensorFloat32().close();
    assertEquals(exact, values());
  }

  @Test
  void tensorFloat32OfTheHostComesBackAfterScorersOfBothKinds() {
    try (LibTorchWork rounding = LibTorchWork.beginInTensorFloat32()) {
      assertTrue(values().allowTensorFloat32());
      try (LibTorchWork exact = LibTorchWork.begin()) {
        assertTrue(values().allowTensorFloat32());
      }
    }
    assertEquals(hosts, values());
  }

  @ParameterizedTest
  @ValueSource(strings = {"CONV", "MATMUL", "ALL"})
  void flagsThatDisagreeAreBorrowedAllTheSame(String operation) {
    context.setAllowTF32CuDNN(false);
    context.setFloat32MatmulPrecision("highest");
    // The newer flags alone: now the older functions throw.
    Float32Op op = Float32Op.valueOf(operation);
    Float32Precision before = context.float32Precision(Float32Backend.CUDA, op).intern();
    context.setFloat32Precision(Float32Backend.CUDA, op, Float32Precision.TF32);
    Values odd = values();
    try {
      assertTrue(odd.products.flag() == null || odd.convolutions.flag() == null);
      try (LibTorchWork work = LibTorchWork.begin()) {
        assertTrue(values().forbidTensorFloat32(), values().toString());
        try (LibTorchWork rounding = LibTorchWork.beginInTensorFloat32()) {
          assertTrue(values().allowTensorFloat32(), values().toString());
        }
        assertTrue(values().forbidTensorFloat32(), values().toString());
      }
      assertEquals(odd, values());
    } finally {
      context.setFloat32Precision(Float32Backend.CUDA, op, before);
    }
  }

  @Test
  void oneThatIsAloneHasOneThreadWithinOthers() {
    int before = LibTorch.threads();
    LibTorch.setThreads(2);
    try (LibTorchWork work = LibTorchWork.begin()) {
      try (LibTorchWork alone = LibTorchWork.beginAlone();
          LibTorchWork within = LibTorchWork.begin()) {
        assertEquals(1, values().threads);
        assertEquals(2, LibTorch.threads());
      }
      assertEquals(2, values().threads);
    } finally {
      LibTorch.setThreads(before);
    }
    try (LibTorchWork alone = LibTorchWork.beginAlone()) {
      assertEquals(1, values().threads);
    }
    assertEquals(HOST_THREADS, values().threads);
  }

  @Test
  void threadsAreThoseOfOurWork() {
    int before = LibTorch.threads();
    try {
      LibTorch.setThreads(2);
      assertEquals(2, LibTorch.threads());
      assertEquals(hosts, values());
      try (LibTorchWork work = LibTorchWork.begin()) {
        assertEquals(2, values().threads);
      }
      assertEquals(hosts, values());
    } finally {
      LibTorch.setThreads(before);
    }
    assertThrows(IllegalArgumentException.class, () -> LibTorch.setThreads(0));
  }

  @Test
  void aWorkBelongsToItsThread() throws Exception {
    try (LibTorchWork work = LibTorchWork.begin()) {
      inAnotherThread(() -> assertThrows(IllegalStateException.class, work::close));
      assertOurs(values());
    }
    assertEquals(hosts, values());
  }

  @Test
  void settingsAreChosenBeforeAnythingElse() {
    IllegalStateException late =
        assertThrows(IllegalStateException.class, () -> LibTorch.use(LibTorchSettings.defaults()));
    assertTrue(late.getMessage().contains("loaded and set up already"), late.getMessage());
  }
}
