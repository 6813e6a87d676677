package org.scorecam.bench;

import java.nio.file.Path;
import java.util.List;
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
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.RepeatedCall;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * An explanation of ResNet-18's layer4, 512 masked inputs of 224×224: by us, and by Score-CAM
 * written plainly, with LibTorch's defaults and with our set-up.
 *
 * <pre>{@code
 * mvn -Pbench test-compile exec:exec@bench -Dbench.include=Explain -Dbench.files=FOLDER
 * }</pre>
 *
 * <p>The folder has {@code resnet18_script.pt}. The command {@code bench} times them in turns, and
 * shows where the time goes.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 1)
@Measurement(iterations = 7)
public class ExplainBenchmark {
  private static final String LAYER = "layer4";
  private static final long CLASS = 242;

  /** Who explains. */
  @Param({"scorecam", "plain", "plainTuned"})
  public String explainer;

  private HookedModel model;
  private Tensor input;

  /** One of them is there, the other is null. */
  private ScoreCam cam;

  private PlainProcess plain;

  /** Loads the network; the plain ones load it once more in a process of their own. */
  @Setup(Level.Trial)
  public void setUp() {
    Path file = Path.of(System.getProperty("bench.files")).resolve("resnet18_script.pt");
    model = TorchScriptModel.load(file, Device.cpu());
    try (NativeScope scope = NativeScope.open()) {
      input = scope.keep(torch.randn(1, 3, 224, 224));
    }
    if (explainer.equals("scorecam")) {
      cam = ScoreCam.on(model).layer(LAYER).build();
      return;
    }
    try (NativeScope scope = NativeScope.open();
        Capture capture = model.capture(input, List.of(LAYER), RepeatedCall.LAST)) {
      Tensor activations = capture.activations().get(0).select(0, 0);
      plain =
          new PlainProcess(
              new PlainProcess.Task(file, Device.cpu(), input, activations, CLASS),
              explainer.equals("plainTuned"));
    }
  }

  /** Ends the process. */
  @TearDown(Level.Trial)
  public void tearDown() {
    if (cam == null) {
      plain.close();
    } else {
      cam.close();
    }
    input.close();
    model.close();
  }

  /** One map. */
  @Benchmark
  public long explain() {
    if (cam == null) {
      return plain.run().passes();
    }
    try (Saliency map = cam.explain(input, Target.ofClass(CLASS))) {
      return map.status().passes();
    }
  }
}
