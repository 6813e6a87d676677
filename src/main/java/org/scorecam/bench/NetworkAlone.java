package org.scorecam.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.model.ProbeInput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.NativeScope;

/**
 * What an explanation could not be faster than with one worker: the same passes through the same
 * scorer in chunks of the same shape, one after the other with all threads, whose rows are the
 * input, each a little darker than the one before.
 */
public final class NetworkAlone implements Contestant {
  private final Scorer scorer;
  private final Device device;
  private final List<Integer> chunks;
  private final long passes;

  /** A chunk for each number of rows that occurs. */
  private final Map<Integer, Tensor> ofRows = new HashMap<>();

  /**
   * Makes the chunks.
   *
   * @param scorer that explanations use; must stay open
   * @param device that it runs on
   * @param input [1, C, H, W]
   * @param chunks the rows of each chunk of an explanation, as {@link StageTimes#chunks} has them
   * @param passes masked inputs in them: fewer than rows where the last chunk is padded
   */
  public NetworkAlone(
      Scorer scorer, Device device, Tensor input, List<Integer> chunks, long passes) {
    this.scorer = scorer;
    this.device = device;
    this.chunks = List.copyOf(chunks);
    this.passes = passes;
    try (NativeScope scope = NativeScope.open()) {
      Tensor placed = input.to(device.toTorch(), scorer.dtype());
      for (int rows : this.chunks) {
        ofRows.computeIfAbsent(rows, count -> scope.keep(different(placed, count)));
      }
    }
  }

  private Tensor different(Tensor input, int count) {
    Tensor rows = input.repeat(count, 1, 1, 1).contiguous(scorer.memoryFormat());
    ProbeInput.setApart(rows);
    return rows;
  }

  @Override
  public String name() {
    return "network alone";
  }

  @Override
  public Lap run() {
    long start = System.nanoTime();
    for (int rows : chunks) {
      scorer.score(ofRows.get(rows)).close();
    }
    DeviceMemory.of(device).finishWork();
    return Lap.since(start, passes);
  }

  @Override
  public void close() {
    ofRows.values().forEach(Tensor::close);
    ofRows.clear();
  }
}
