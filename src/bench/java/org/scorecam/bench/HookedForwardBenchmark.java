package org.scorecam.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.scorecam.nn.SequentialNetwork;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/**
 * What it costs to call modules so that they could be hooked, when no hook is there.
 *
 * <pre>{@code
 * mvn -Pbench test-compile exec:exec@bench -Dbench.include=HookedForward
 * }</pre>
 *
 * <p>The same pairs of a 3×3 convolution and a ReLU in a row, called directly and as a network: on
 * 8 channels of 8×8, where the overhead shows most, and with the work of a stage of ResNet-18.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(2)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
public class HookedForwardBenchmark {
  private static final int PAIRS = 8;

  /** Channels and side of the maps. */
  @Param({"8x8", "64x56"})
  public String size;

  private final List<Conv2dImpl> convolutions = new ArrayList<>();
  private final List<ReLUImpl> activations = new ArrayList<>();
  private SequentialNetwork network;
  private Tensor input;

  /** Makes both over the same modules. */
  @Setup(Level.Trial)
  public void setUp() {
    LibTorch.load();
    long channels = Long.parseLong(size.split("x")[0]);
    long side = Long.parseLong(size.split("x")[1]);
    List<Module> modules = new ArrayList<>();
    for (int i = 0; i < PAIRS; i++) {
      Conv2dOptions options = new Conv2dOptions(channels, channels, new LongPointer(3, 3));
      options.padding().put(new LongPointer(1, 1));
      convolutions.add(new Conv2dImpl(options));
      activations.add(new ReLUImpl());
      modules.add(convolutions.get(i));
      modules.add(activations.get(i));
    }
    network = new SequentialNetwork(modules.toArray(Module[]::new));
    input = torch.randn(1, channels, side, side);
  }

  /** Frees both. */
  @TearDown(Level.Trial)
  public void tearDown() {
    network.close();
    input.close();
  }

  /** The presets' modules, each value freed once the next is there. */
  @Benchmark
  public float direct() {
    try (NativeScope scope = NativeScope.open()) {
      Tensor value = input;
      for (int i = 0; i < PAIRS; i++) {
        Tensor convolved = convolutions.get(i).forward(value);
        if (i > 0) {
          value.close();
        }
        value = activations.get(i).forward(convolved);
        convolved.close();
      }
      return value.numel();
    }
  }

  /** The same modules as a network. */
  @Benchmark
  public float hookable() {
    try (NativeScope scope = NativeScope.open()) {
      return network.call(input).numel();
    }
  }
}
