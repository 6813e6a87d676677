package org.scorecam;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongConsumer;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeMemoryException;
import org.scorecam.model.Capture;
import org.scorecam.model.ForwardHook;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
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

  /** Each precision's own; only with {@link #scoredInEachPrecision}. */
  private Map<Precision, Scorer> inEachPrecision;

  /** The rows of every chunk, in order. */
  public final List<Long> chunks = Collections.synchronizedList(new ArrayList<>());

  /** Is called with the rows of each chunk before it is scored, and may throw. */
  public volatile LongConsumer beforeChunk = rows -> {};

  /** Is called with the number of inputs before a first pass, and may throw. */
  public volatile LongConsumer beforeCapture = inputs -> {};

  public WatchedModel(HookedModel model) {
    this.model = model;
    this.scorer = new WatchedScorer(() -> behind == null ? model.scorer() : behind);
  }

  /** Has all precisions scored by one scorer. */
  public WatchedModel scoredBy(Scorer other) {
    this.behind = other;
    return this;
  }

  /** Has each precision scored by the model's own scorer for it. */
  public WatchedModel scoredInEachPrecision() {
    this.inEachPrecision = new ConcurrentHashMap<>();
    return this;
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

  /**
   * Throws so for the second group of pictures that a pipeline explains, however few of them it
   * tries at a time; groups must come one after the other.
   */
  public static final class ShortOfMemory implements LongConsumer {
    private static final LongConsumer FULL = noMemoryAbove(0);

    private boolean first = true;
    private long pictures;
    private long triesLeft;

    /** How many pictures there is no map of. */
    public synchronized long pictures() {
      return pictures;
    }

    @Override
    public synchronized void accept(long inputs) {
      if (first) {
        first = false;
        return;
      }
      if (pictures == 0) {
        pictures = inputs;
        // Halves come down to one picture; after that each is tried by itself.
        triesLeft = inputs == 1 ? 1 : inputs + 1;
      }
      if (triesLeft > 0) {
        triesLeft -= inputs == 1 ? 1 : 0;
        FULL.accept(inputs);
      }
    }
  }

  private final class WatchedScorer implements Scorer {
    private final Supplier<Scorer> behind;

    private WatchedScorer(Supplier<Scorer> behind) {
      this.behind = behind;
    }

    @Override
    public ModelOutput score(Tensor chunk) {
      chunks.add(chunk.size(0));
      beforeChunk.accept(chunk.size(0));
      return behind.get().score(chunk);
    }

    @Override
    public Precision precision() {
      return behind.get().precision();
    }

    @Override
    public ScalarType dtype() {
      return behind.get().dtype();
    }

    @Override
    public MemoryFormat memoryFormat() {
      return behind.get().memoryFormat();
    }

    @Override
    public String description() {
      return "watched, " + behind.get().description();
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
  public Capture captureFast(Tensor input, Watch watch) {
    beforeCapture.accept(input.size(0));
    return model.captureFast(input, watch);
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
  public Scorer scorer(Precision precision, InputShape inputShape) {
    return inEachPrecision == null
        ? scorer
        : inEachPrecision.computeIfAbsent(
            precision, one -> new WatchedScorer(() -> model.scorer(one, inputShape)));
  }

  @Override
  public void close() {
    model.close();
  }
}
