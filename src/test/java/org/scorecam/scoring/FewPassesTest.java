package org.scorecam.scoring;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.KeptFindings;
import org.scorecam.NativeObjects;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.Precision;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.Findings;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan.Basis;
import org.scorecam.tensor.Tensors;

/** Too few masked inputs for preparing a network that an earlier process has tried out. */
class FewPassesTest {
  private static final double TOLERANCE = 1e-5;

  @TempDir Path folder;

  private KeptFindings findings;
  private Tensor input;

  @BeforeEach
  void nameTheFolder() {
    findings = new KeptFindings(folder);
    input = Goldens.tensor("tinyresnet.input.npy");
  }

  @AfterEach
  void asBefore() {
    input.close();
    findings.close();
  }

  /** Explains with a network that was just loaded; the chunks of each explanation. */
  private List<ChunkPlan> plans(
      int explanations, List<float[]> maps, UnaryOperator<ScoreCam.Builder> settings) {
    List<ChunkPlan> plans = new ArrayList<>();
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam =
            settings
                .apply(ScoreCam.on(model).layer("layer3").channels(ChannelSelection.topMax(8)))
                .build()) {
      for (int i = 0; i < explanations; i++) {
        try (Saliency saliency = cam.explain(input, Target.ofClass(3))) {
          maps.add(Tensors.toArray(saliency.tensor()));
          plans.add(saliency.plan());
        }
      }
    }
    return plans;
  }

  private List<Basis> bases(int explanations, UnaryOperator<ScoreCam.Builder> settings) {
    return plans(explanations, new ArrayList<>(), settings).stream().map(ChunkPlan::basis).toList();
  }

  @Test
  void areScoredByTheNetworkAsItIs() {
    List<float[]> maps = new ArrayList<>();
    assertEquals(Basis.FITTED, plans(1, maps, cam -> cam).get(0).basis(), "tried out");
    List<ChunkPlan> plans = plans(3, maps, cam -> cam.workers(2));
    assertEquals(
        List.of(Basis.UNPREPARED, Basis.UNPREPARED, Basis.FITTED),
        plans.stream().map(ChunkPlan::basis).toList(),
        "the third is of the seventeenth pass and those that follow");
    assertEquals(1, plans.get(0).rows());
    assertEquals(2, plans.get(0).workers());
    assertEquals(List.of(), plans.get(0).notes());
    maps.forEach(map -> assertClose(maps.get(0), map, TOLERANCE));
  }

  @Test
  void haveNoMoreWorkersThanThereIsMemoryForByWhatWasFoundOut() {
    input.close();
    // Of small tensors nobody knows what they take.
    try (NativeScope scope = NativeScope.open()) {
      input = scope.keep(torch.randn(1, 3, 256, 256));
    }
    assumeTrue(
        DeviceMemory.of(Device.cpu()).peakOf(() -> input.clone().close()).isPresent(),
        "what tensors take is known of our own allocator alone");
    bases(1, cam -> cam);
    try (HookedModel model = Goldens.model("tinyresnet_script.pt")) {
      Findings known = model.findings();
      String question = "a row of " + SizeClass.of(InputShape.ofRowsIn(input));
      assertTrue(known.answerTo(question).orElse("").endsWith(" bytes"), question);
      known.tell(question, "65536 pixels: %d bytes".formatted(1L << 49));
    }
    ChunkPlan plan = plans(1, new ArrayList<>(), cam -> cam).get(0);
    assertEquals(Basis.UNPREPARED, plan.basis());
    assertEquals(1, plan.workers());
    assertEquals(1L << 49, plan.bytes());
  }

  @Test
  void areThoseOfAllInputsTogether() {
    bases(1, cam -> cam);
    assertEquals(List.of(Basis.FITTED), bases(1, cam -> cam.channels(ChannelSelection.topMax(17))));
    assertEquals(
        List.of(Basis.UNPREPARED), bases(1, cam -> cam.channels(ChannelSelection.topMax(16))));
  }

  @Test
  void arePreparedForWhereTheCallerHasWishes() {
    bases(1, cam -> cam);
    assertEquals(List.of(Basis.GIVEN), bases(1, cam -> cam.batch(4)));
    assertEquals(List.of(Basis.FITTED), bases(1, cam -> cam.precision(Precision.BFLOAT16)));
  }

  @Test
  void arePreparedForWithoutFindings() {
    bases(1, cam -> cam);
    Findings.keepIn(Optional.empty());
    assertEquals(List.of(Basis.FITTED), bases(1, cam -> cam));
  }

  @Test
  void leaveNothingBehind() {
    bases(1, cam -> cam);
    NativeObjects.assertNoneLeftBy(
        () -> assertEquals(List.of(Basis.UNPREPARED), bases(1, cam -> cam)));
  }
}
