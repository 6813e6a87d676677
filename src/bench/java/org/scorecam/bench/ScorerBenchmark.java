package org.scorecam.bench;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
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
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.zoo.Zoo;

/**
 * A chunk through ResNet-18's scorer: built in Java against TorchScript, with the same weights.
 *
 * <pre>{@code
 * mvn -Pbench test-compile exec:exec@bench -Dbench.include=Scorer -Dbench.files=FOLDER
 * }</pre>
 *
 * <p>The folder has {@code resnet18.pth} and {@code resnet18_script.pt}.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(3)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
public class ScorerBenchmark {
  /** Which of the two. */
  @Param({"torchscript", "java"})
  public String network;

  private HookedModel model;
  private Tensor chunk;

  /** Loads the network and has its scorer prepared. */
  @Setup(Level.Trial)
  public void setUp() {
    Path files = Path.of(System.getProperty("bench.files"));
    model =
        network.equals("java")
            ? Zoo.load("resnet18", files.resolve("resnet18.pth"), Device.cpu())
            : TorchScriptModel.load(files.resolve("resnet18_script.pt"), Device.cpu());
    try (NativeScope scope = NativeScope.open()) {
      chunk = scope.keep(torch.randn(32, 3, 224, 224).contiguous(model.scorer().memoryFormat()));
    }
    score();
  }

  /** Frees the network. */
  @TearDown(Level.Trial)
  public void tearDown() {
    model.close();
    chunk.close();
  }

  /** 32 masked inputs of 224×224. */
  @Benchmark
  public final void score() {
    model.scorer().score(chunk).close();
  }
}
