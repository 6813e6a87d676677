package org.scorecam.model;

import java.util.Optional;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/** What all scorers share: precision and layout, and what is said of a failure. */
abstract class NetworkScorer implements Scorer, AutoCloseable {
  private final Kind kind;

  /** Shared by runs; exclusive for closing, so that nothing is freed under a run. */
  private final ReentrantReadWriteLock use = new ReentrantReadWriteLock();

  private boolean closed;

  /** Written before others see the scorer. */
  private Optional<String> oneByOne = Optional.empty();

  /**
   * How a network is prepared.
   *
   * @param packed whether convolutions run on packed weights, with what follows them
   */
  record Kind(Precision precision, MemoryFormat memoryFormat, boolean packed) {
    /** As a network runs without any preparation but for its layout. */
    static Kind plain(Precision precision, Device device) {
      // oneDNN's convolutions are fastest on channels-last; on CUDA that needs half precision.
      boolean channelsLast =
          device.type() == Device.Type.CPU || precision.dtype() != ScalarType.Float;
      return new Kind(
          precision, channelsLast ? MemoryFormat.ChannelsLast : MemoryFormat.Contiguous, false);
    }

    Kind inTheOtherLayout() {
      boolean channelsLast = memoryFormat == MemoryFormat.ChannelsLast;
      return new Kind(
          precision, channelsLast ? MemoryFormat.Contiguous : MemoryFormat.ChannelsLast, packed);
    }

    Kind withPackedWeights() {
      return new Kind(precision, MemoryFormat.ChannelsLast, true);
    }

    /** In one line: precision, layout, and whether weights are packed. */
    @Override
    public String toString() {
      return "%s, %s, %s"
          .formatted(
              precision,
              memoryFormat == MemoryFormat.ChannelsLast ? "channels-last" : "contiguous",
              packed ? "packed weights and fused activations" : "plain");
    }
  }

  NetworkScorer(Kind kind) {
    this.kind = kind;
  }

  /**
   * Runs a network that belongs to somebody else.
   *
   * @param pass runs a chunk through it, as {@link #run}
   */
  static NetworkScorer lent(Kind kind, Function<Tensor, ModelOutput> pass) {
    return new NetworkScorer(kind) {
      @Override
      ModelOutput run(Tensor chunk) {
        return pass.apply(chunk);
      }

      @Override
      void free() {
        // Its owner does that.
      }
    };
  }

  /** Runs the network; needs an open scope, which the output outlives. */
  abstract ModelOutput run(Tensor chunk);

  /** The program that it runs in float32, on packed weights; nothing before its first chunk. */
  Optional<FrozenScorer> program() {
    return Optional.empty();
  }

  /** Frees the network as it was prepared for scoring. */
  abstract void free();

  @Override
  public final ModelOutput score(Tensor chunk) {
    return whileOpen(chunk, () -> run(chunk));
  }

  /** Computes something of a chunk, with a scope open that the result has to outlive. */
  final <T> T whileOpen(Tensor chunk, Supplier<T> computation) {
    use.readLock().lock();
    try (NativeScope scope = NativeScope.open();
        LibTorchWork work =
            kind.precision == Precision.TF32
                ? LibTorchWork.beginInTensorFloat32()
                : LibTorchWork.begin()) {
      if (closed) {
        throw new IllegalStateException("the model is closed");
      }
      return NativeErrors.translate(computation, (words, e) -> InputRefusal.of(chunk, words, e));
    } finally {
      use.readLock().unlock();
    }
  }

  /**
   * Has one row given at a time.
   *
   * @param reason in words
   */
  final void takeOneRow(String reason) {
    oneByOne = Optional.of(reason);
  }

  @Override
  public final Optional<String> oneByOne() {
    return oneByOne;
  }

  @Override
  public final Precision precision() {
    return kind.precision;
  }

  @Override
  public final ScalarType dtype() {
    return kind.precision.dtype();
  }

  @Override
  public final MemoryFormat memoryFormat() {
    return kind.memoryFormat;
  }

  @Override
  public final String description() {
    return kind.toString();
  }

  @Override
  public final void close() {
    use.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        free();
      }
    } finally {
      use.writeLock().unlock();
    }
  }
}
