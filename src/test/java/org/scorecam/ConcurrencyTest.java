package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.tensor.Tensors;

/** Several threads with one explainer, or one model, get what one thread gets. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class ConcurrencyTest {
  private static final double TOLERANCE = 2e-5;
  private static final int REPETITIONS = 12;

  /** An input and a target, and the map that one thread gets for them. */
  private static final class Job {
    final Tensor input;
    final Target target;
    final float[] expected;

    Job(ScoreCam cam, Tensor input, Target target) {
      this.input = input;
      this.target = target;
      this.expected = explain(cam, input, target);
    }
  }

  static List<Recipe> recipes() {
    return List.of(Recipe.TISKW, Recipe.HAOFANWANG);
  }

  private static float[] explain(ScoreCam cam, Tensor input, Target target) {
    try (Saliency saliency = cam.explain(input, target)) {
      return Tensors.toArray(saliency.tensor());
    }
  }

  /** Runs the work on all threads at once and passes on what either throws. */
  private static void together(int threads, IntConsumer work) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(threads);
    try {
      CountDownLatch start = new CountDownLatch(threads);
      List<Future<?>> running = new ArrayList<>();
      for (int t = 0; t < threads; t++) {
        int thread = t;
        running.add(
            pool.submit(
                () -> {
                  start.countDown();
                  start.await();
                  work.accept(thread);
                  return null;
                }));
      }
      for (Future<?> each : running) {
        each.get();
      }
    } finally {
      pool.shutdownNow();
    }
  }

  @ParameterizedTest
  @MethodSource("recipes")
  void twoThreadsWithOneExplainerGetTheMapsOfOneThread(Recipe recipe) throws Exception {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy");
        Tensor wide = Tensors.of(new float[3 * 48 * 80], 1, 3, 48, 80);
        ScoreCam cam = ScoreCam.on(model).layer("layer3").recipe(recipe).batch(16).build()) {
      List<Job> jobs = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        Tensor input = inputs.narrow(0, i, 1);
        Target target = i == 2 ? Target.top1() : Target.ofClass(3 + i);
        jobs.add(new Job(cam, input, target));
      }
      // Of another size, so that the threads also take each other's chunks.
      jobs.add(new Job(cam, wide, Target.ofClass(1)));
      together(
          2,
          thread -> {
            for (int i = 0; i < REPETITIONS; i++) {
              Job job = jobs.get((thread + i) % jobs.size());
              Goldens.assertClose(job.expected, explain(cam, job.input, job.target), TOLERANCE);
            }
          });
      jobs.forEach(job -> job.input.close());
    }
  }

  @Test
  void threadsThatStartOnAFreshModelAgree() throws Exception {
    float[] expected;
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy");
        ScoreCam cam = ScoreCam.on(model).layer("relu").build()) {
      expected = explain(cam, input, Target.ofClass(1));
    }
    // The first use compiles graphs and freezes the network: here, on all threads at once.
    for (int round = 0; round < 4; round++) {
      try (HookedModel model = Goldens.model("tinydead_script.pt");
          Tensor input = Goldens.tensor("tinydead.input.npy")) {
        together(
            3,
            thread -> {
              try (ScoreCam cam = ScoreCam.on(model).layer("relu").build()) {
                Goldens.assertClose(expected, explain(cam, input, Target.ofClass(1)), TOLERANCE);
              }
            });
      }
    }
  }

  @Test
  void hooksComeAndGoWhileOtherThreadsRunTheModel() throws Exception {
    try (HookedModel model = Goldens.model("tinydead_script.pt");
        Tensor input = Goldens.tensor("tinydead.input.npy");
        Tensor expected = Goldens.tensor("tinydead.output.npy")) {
      together(
          2,
          thread -> {
            for (int i = 0; i < 50; i++) {
              if (thread == 0) {
                model.registerForwardHook("relu", (layer, maps) -> maps.size(0)).close();
              } else {
                try (ModelOutput output = model.forward(input)) {
                  Goldens.assertClose(expected, output.tensor(), 1e-4);
                }
              }
            }
          });
    }
  }
}
