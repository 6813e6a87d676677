package org.scorecam.model;

import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;

/** A network that only runs: what every masked input goes through. Safe for several threads. */
public interface Scorer {
  /**
   * Runs a chunk of masked inputs.
   *
   * @param chunk [B, C, H, W] of {@link #dtype()} in {@link #memoryFormat()}, on the model's
   *     device; of other ranks as well, in what {@link org.scorecam.tensor.Tensors#formatFor} makes
   *     of it
   * @return the network's output for it, owned by the caller
   * @throws InputException if the network cannot run it
   */
  ModelOutput score(Tensor chunk);

  /**
   * What the network computes with.
   *
   * @return the precision
   */
  Precision precision();

  /**
   * The type of number that the scorer computes with.
   *
   * @return the dtype that chunks must have
   */
  ScalarType dtype();

  /**
   * The layout that the scorer is fastest with.
   *
   * @return contiguous or channels-last
   */
  MemoryFormat memoryFormat();

  /**
   * Whether the network must be given one row at a time.
   *
   * @return why, in words; empty if it takes many rows and treats each for itself
   */
  default Optional<String> oneByOne() {
    return Optional.empty();
  }

  /**
   * What the network begins with, where the rest can be run by itself.
   *
   * @return the first convolution, owned by the scorer; nothing unless that is known and both take
   *     and give float32 on the CPU
   */
  default Optional<Stem> stem() {
    return Optional.empty();
  }

  /**
   * How the network runs.
   *
   * @return one line: precision, layout, and whether weights are packed
   */
  String description();
}
