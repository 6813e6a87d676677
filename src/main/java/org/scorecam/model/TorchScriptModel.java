package org.scorecam.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import java.util.zip.ZipFile;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LayerException;
import org.scorecam.runtime.ModelException;
import org.scorecam.runtime.NativeErrors;
import org.scorecam.runtime.NativeScope;

/**
 * A network from a TorchScript file, scripted or traced.
 *
 * <p>It is put into evaluation mode. Its parameters are not changed, and hooks do not touch its
 * code: each set of layers that is watched gets a rewritten copy of {@code forward} over the same
 * parameters, made at its first use and kept.
 */
public final class TorchScriptModel implements HookedModel {
  private final JitModule module;
  private final Device device;
  private final Map<String, String> types;

  /** In the order of registration. */
  private final Map<Long, Hook> hooks = new ConcurrentSkipListMap<>();

  private final AtomicLong registrations = new AtomicLong();
  private final Map<Watched, HookedFunction> functions = new ConcurrentHashMap<>();
  private volatile long[] lastShape;
  private FrozenScorer scorer;
  private volatile boolean closed;

  private record Hook(String layer, ForwardHook hook) {}

  private record Watched(List<String> layers, RepeatedCall counted) {}

  private TorchScriptModel(JitModule module, Device device) {
    this.module = module;
    this.device = device;
    this.types = TorchScriptModules.typesOf(module);
  }

  /**
   * Loads a file that {@code torch.jit.save} wrote.
   *
   * @param path the file
   * @param device where the network shall run
   * @return the network, owned by the caller
   * @throws ModelException if the file is missing, truncated, a plain state dict, no TorchScript,
   *     or has no {@code forward}
   * @throws org.scorecam.runtime.DeviceException if there is no such device
   */
  public static TorchScriptModel load(Path path, Device device) {
    device.require();
    if (!Files.isRegularFile(path)) {
      throw new ModelException(
          Files.exists(path) ? path + " is no file" : "there is no file " + path);
    }
    try (NativeScope scope = NativeScope.open()) {
      JitModule module =
          NativeErrors.translate(
              () -> {
                JitModule loaded =
                    torch.load(path.toString(), new DeviceOptional(device.toTorch()), false);
                loaded.eval();
                return loaded;
              },
              (words, e) -> new ModelException(path + " " + whyNotTorchScript(path, words), e));
      if (!module.find_method("forward").has_value()) {
        throw new ModelException(path + " has no method forward, so that it cannot be run");
      }
      return new TorchScriptModel(scope.keep(module), device);
    }
  }

  private static String whyNotTorchScript(Path path, String words) {
    try (ZipFile zip = new ZipFile(path.toFile())) {
      boolean pickled = zip.stream().anyMatch(entry -> entry.getName().endsWith("/data.pkl"));
      boolean program = zip.stream().anyMatch(entry -> entry.getName().contains("/code/"));
      if (pickled && !program) {
        return "holds weights or a pickled object without code (torch.save), not a TorchScript"
            + " network; save it with torch.jit.script(model).save(…) or torch.jit.trace";
      }
      return "cannot be loaded as TorchScript: " + words;
    } catch (IOException e) {
      return "is not a TorchScript file, or is truncated: " + e.getMessage();
    }
  }

  @Override
  public HookHandle registerForwardHook(String layer, ForwardHook hook) {
    functionFor(List.of(layer), RepeatedCall.LAST);
    long registration = registrations.incrementAndGet();
    hooks.put(registration, new Hook(layer, hook));
    return () -> hooks.remove(registration);
  }

  @Override
  public ModelOutput forward(Tensor input) {
    List<Hook> present = List.copyOf(hooks.values());
    List<String> layers = present.stream().map(Hook::layer).distinct().toList();
    Capture capture = capture(input, layers, RepeatedCall.LAST);
    try {
      for (Hook hook : present) {
        hook.hook.onForward(hook.layer, capture.activations().get(layers.indexOf(hook.layer)));
      }
      return capture.output();
    } catch (RuntimeException | Error e) {
      capture.output().close();
      throw e;
    } finally {
      capture.activations().forEach(Tensor::close);
    }
  }

  @Override
  public Capture capture(Tensor input, List<String> layers, RepeatedCall counted) {
    HookedFunction function = functionFor(layers, counted);
    try (NativeScope scope = NativeScope.open()) {
      Tensor placed = input.to(device.toTorch(), input.scalar_type());
      Capture capture =
          NativeErrors.translate(
              () -> function.run(module, placed), (words, e) -> InputRefusal.of(placed, words, e));
      lastShape = input.shape();
      return capture;
    }
  }

  @Override
  public List<Layer> layers() {
    requireOpen();
    Map<String, List<Long>> shapes = lastShape == null ? Map.of() : outputShapes(lastShape);
    List<Layer> layers = new ArrayList<>();
    types.forEach(
        (path, type) -> layers.add(new Layer(path, type, Optional.ofNullable(shapes.get(path)))));
    return layers;
  }

  /** Runs zeros of the shape seen last: watching every layer of every real pass would cost more. */
  private Map<String, List<Long>> outputShapes(long[] inputShape) {
    List<String> watched = types.keySet().stream().filter(this::isCapturable).toList();
    Map<String, List<Long>> shapes = new HashMap<>();
    try (NativeScope scope = NativeScope.open();
        Capture capture = capture(torch.zeros(inputShape), watched, RepeatedCall.LAST)) {
      for (int i = 0; i < watched.size(); i++) {
        shapes.put(
            watched.get(i), LongStream.of(capture.activations().get(i).shape()).boxed().toList());
      }
    }
    return shapes;
  }

  private boolean isCapturable(String layer) {
    try (NativeScope scope = NativeScope.open()) {
      HookedGraph.of(module, List.of(layer), RepeatedCall.LAST);
      return true;
    } catch (LayerException e) {
      return false;
    }
  }

  private HookedFunction functionFor(List<String> layers, RepeatedCall counted) {
    requireOpen();
    layers.forEach(layer -> TorchScriptModules.requireLayer(layer, types));
    return functions.computeIfAbsent(
        new Watched(List.copyOf(layers), counted),
        watched -> HookedFunction.of(module, watched.layers, watched.counted));
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public synchronized Scorer scorer() {
    requireOpen();
    if (scorer == null) {
      scorer = FrozenScorer.of(module, device);
    }
    return scorer;
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      functions.values().forEach(HookedFunction::close);
      if (scorer != null) {
        scorer.close();
      }
      module.close();
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed");
    }
  }
}
