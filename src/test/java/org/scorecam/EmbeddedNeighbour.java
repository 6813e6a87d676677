package org.scorecam;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NativeArray;

/** What {@code native/examples/embed_jvm.cpp} calls: saliencies by number, addresses as longs. */
public final class EmbeddedNeighbour {
  private static final AtomicLong COUNT = new AtomicLong();
  private static final Map<Long, Saliency> SALIENCIES = new ConcurrentHashMap<>();

  private static volatile HookedModel model;
  private static volatile ScoreCam cam;

  private EmbeddedNeighbour() {}

  /** Before anything else. */
  static void open(String network, String layer) {
    model = TorchScriptModel.load(Path.of(network), Device.cpu());
    cam = ScoreCam.on(model).layer(layer).build();
  }

  /**
   * Explains the highest score of a picture, float32 [1, 3, height, width], which must live until
   * this returns. The number is to be given to {@link #closeSaliency}.
   */
  static long explain(long address, int height, int width) {
    NativeArray picture =
        NativeArray.contiguous(address, ScalarType.Float, Device.cpu(), 1, 3, height, width);
    try (Tensor input = picture.asTensor()) {
      Saliency saliency = cam.explain(input, Target.top1());
      long number = COUNT.incrementAndGet();
      SALIENCIES.put(number, saliency);
      return number;
    }
  }

  /** The address of height × width floats, readable until the saliency is closed. */
  static long map(long saliency) {
    return NativeArray.of(SALIENCIES.get(saliency).tensor()).address();
  }

  static void closeSaliency(long saliency) {
    SALIENCIES.remove(saliency).close();
  }

  /** After all saliencies. */
  static void close() {
    cam.close();
    model.close();
  }
}
