package org.scorecam;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.Capture;
import org.scorecam.model.ForwardHook;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Layer;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.model.Watch;
import org.scorecam.nn.HookHandle;
import org.scorecam.runtime.Device;

/** A model that notes what its scorer was given, and may be made to fail. Closing closes both. */
public final class WatchedModel implements HookedModel {
  private final HookedModel model;
  private final Scorer scorer;

  /** What computes; the model's own scorer unless set. */
  private Scorer behind;

  /** The rows of every chunk, in order. */
  public final List<Long> chunks = Collections.synchronizedList(new ArrayList<>());

  /** The inputs of every first pass that may be prepared for, in order. */
  public final List<Long> batches = Collections.synchronizedList(new ArrayList<>());

  /** Is called with the rows of each chunk before it is scored, and may throw. */
  public volatile LongConsumer beforeChunk = rows -> {};

  /** Is called with the number of inputs before a first pass, and may throw. */
  public volatile LongConsumer beforeCapture = inputs -> {};

  public WatchedModel(HookedModel model) {
    this.model = model;
    this.scorer = new WatchedScorer();
  }

  /** Has all precisions scored by one scorer. */
  public WatchedModel scoredBy(Scorer other) {
    this.behind = other;
    return this;
  }

  private Scorer behind() {
    return behind == null ? model.scorer() : behind;
  }

  /** Throws as LibTorch's allocator is said to, if there are more than so many. */
  public static LongConsumer noMemoryAbove(long limit) {
    return rows -> {
      if (rows > limit) {
        throw new NativeMemoryException(
            "out of native memory: can't allocate memory: you tried to allocate 9 bytes");
      }
    };
  }

  private final class WatchedScorer implements Scorer {
    @Override
    public ModelOutput score(Tensor chunk) {
      chunks.add(chunk.size(0));
      beforeChunk.accept(chunk.size(0));
      return behind().score(chunk);
    }

    @Override
    public Precision precision() {
      return model.scorer().precision();
    }

    @Override
    public ScalarType dtype() {
      return behind().dtype();
    }

    @Override
    public MemoryFormat memoryFormat() {
      return behind().memoryFormat();
    }

    @Override
    public String description() {
      return "watched, " + behind().description();
    }
  }

  @Override
  public HookHandle registerForwardHook(String layer, ForwardHook hook) {
    return model.registerForwardHook(layer, hook);
  }

  @Override
  public void requireCapturable(String layer) {
    model.requireCapturable(layer);
  }

  @Override
  public ModelOutput forward(Tensor input) {
    return model.forward(input);
  }

  @Override
  public Capture capture(Tensor input, Watch watch) {
    beforeCapture.accept(input.size(0));
    return model.capture(input, watch);
  }

  @Override
  public Capture captureBatch(Tensor batch, Watch watch) {
    batches.add(batch.size(0));
    beforeCapture.accept(batch.size(0));
    return model.captureBatch(batch, watch);
  }

  @Override
  public List<Layer> layers() {
    return model.layers();
  }

  @Override
  public Device device() {
    return model.device();
  }

  @Override
  public Scorer scorer() {
    return scorer;
  }

  @Override
  public Scorer scorer(Precision precision, long... inputShape) {
    return scorer;
  }

  @Override
  public void close() {
    model.close();
  }
}
