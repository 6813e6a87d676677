package org.scorecam.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.runtime.NativeScope;

/**
 * Explains a long row of inputs of ever other sizes with ever other explainers, and watches how
 * much memory the process has.
 */
public final class Soak implements AutoCloseable {
  private static final int TENTHS = 10;
  private static final int SIZES = 24;
  private static final int LARGEST_BATCH = 4;

  /** So that every run explains the same. */
  private static final long SEED = 5;

  private final List<ScoreCam> explainers;
  private final Target target;
  private final long channels;
  private final List<Size> sizes = new ArrayList<>();
  private final Random random = new Random(SEED);

  private record Size(long height, long width) {}

  /**
   * Resident memory during a tenth of the explanations, taken after each of them.
   *
   * @param explanations that were done at its end, of all
   * @param seconds that it took
   * @param mean bytes
   * @param highest bytes
   * @param javaHeap bytes that the Java heap had of the system at its end, touched or not
   */
  public record Tenth(int explanations, double seconds, long mean, long highest, long javaHeap) {}

  /**
   * Prepares.
   *
   * @param explainers closed with this
   * @param sample [N, C, H, W]: inputs have from half of H and W to the whole
   * @param target of each input
   */
  public Soak(List<ScoreCam> explainers, Tensor sample, Target target) {
    this.explainers = List.copyOf(explainers);
    this.target = target;
    this.channels = sample.size(1);
    for (int i = 0; i < SIZES; i++) {
      sizes.add(new Size(fromHalf(sample.size(2)), fromHalf(sample.size(3))));
    }
  }

  private long fromHalf(long side) {
    long half = side / 2;
    return side - half + random.nextLong(half + 1);
  }

  /**
   * Explains batches of 1 to 4 inputs.
   *
   * @param explanations how many batches, at least 10
   * @param progress is told after each how many are done, and of how many
   * @return what the process had in each tenth
   */
  public List<Tenth> run(int explanations, BiConsumer<Integer, Integer> progress) {
    List<Tenth> tenths = new ArrayList<>();
    int done = 0;
    for (int tenth = 1; tenth <= TENTHS; tenth++) {
      int end = (int) ((long) explanations * tenth / TENTHS);
      int first = done;
      long start = System.nanoTime();
      long sum = 0;
      long highest = 0;
      for (; done < end; progress.accept(++done, explanations)) {
        explain();
        long resident = ResidentMemory.now();
        sum += resident;
        highest = Math.max(highest, resident);
      }
      double seconds = Lap.since(start, 0).seconds();
      tenths.add(
          new Tenth(
              done, seconds, sum / (done - first), highest, Runtime.getRuntime().totalMemory()));
    }
    return tenths;
  }

  private void explain() {
    Size size = sizes.get(random.nextInt(sizes.size()));
    int count = 1 + random.nextInt(LARGEST_BATCH);
    ScoreCam explainer = explainers.get(random.nextInt(explainers.size()));
    try (NativeScope scope = NativeScope.open()) {
      Tensor noise = torch.randn(new long[] {count, channels, size.height, size.width});
      for (Saliency map : explainer.explainBatch(noise, Collections.nCopies(count, target))) {
        map.toArray();
        map.close();
      }
    }
  }

  /**
   * How far memory moved after the first tenth, in which all is prepared.
   *
   * @param tenths as {@link #run} gives them
   * @return the largest of the differences of later tenths' means from that of the second, as a
   *     part of it; negative where that is a fall
   */
  public static double drift(List<Tenth> tenths) {
    double second = tenths.get(1).mean();
    double largest = 0;
    for (Tenth tenth : tenths.subList(2, tenths.size())) {
      double difference = tenth.mean() / second - 1;
      if (Math.abs(difference) > Math.abs(largest)) {
        largest = difference;
      }
    }
    return largest;
  }

  @Override
  public void close() {
    explainers.forEach(ScoreCam::close);
  }
}
