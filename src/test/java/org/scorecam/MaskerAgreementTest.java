package org.scorecam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.kernel.NativeBuild;
import org.scorecam.mask.KernelMasker;
import org.scorecam.mask.Masker;
import org.scorecam.mask.TensorMasker;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModelOutput;
import org.scorecam.nn.HookHandle;
import org.scorecam.tensor.Tensors;

/** Both maskers give the published maps, and the same ones. */
class MaskerAgreementTest {
  private static final double TOLERANCE = 1e-4;
  private static final double AGREEMENT = 1e-5;

  static List<Goldens.Case> cases() throws IOException {
    return Goldens.cases();
  }

  @BeforeEach
  void kernelsAreThere() {
    NativeBuild.require();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void maskersAgree(Goldens.Case golden) {
    // The network as it is: with packed convolutions a difference of one ulp in the masks may come
    // out larger than the maskers' own.
    try (HookedModel model = new WatchedModel(Goldens.model(golden.text("model")));
        Tensor expected = Goldens.tensor(golden.text("map"));
        Saliency kernels = explain(model, golden, new KernelMasker());
        Saliency operations = explain(model, golden, new TensorMasker())) {
      assertClose(expected, kernels.tensor(), TOLERANCE);
      assertClose(expected, operations.tensor(), TOLERANCE);
      assertClose(operations.tensor(), kernels.tensor(), AGREEMENT);
    }
  }

  @Test
  void equalAndConstantChannelsShareAPass() throws IOException {
    Goldens.Case golden =
        cases().stream()
            .filter(candidate -> candidate.toString().equals("tinydead-relu-c1-tiskw"))
            .findFirst()
            .orElseThrow();
    try (HookedModel model = Goldens.model(golden.text("model"));
        Saliency map = explain(model, golden, new KernelMasker())) {
      SaliencyStatus status = map.status();
      long distinct = distinctMasks(model, golden);
      assertEquals(distinct, status.passes());
      assertEquals(status.channels(), status.scoredChannels());
      // More is saved than the constant channels alone would.
      assertTrue(
          distinct < status.channels() - status.constantChannels() + 1,
          distinct + " masks, " + status);
    }
  }

  /** Distinct maps, all constant ones taken as one. */
  private static long distinctMasks(HookedModel model, Goldens.Case golden) {
    Set<List<Float>> maps = new HashSet<>();
    try (Tensor input = Goldens.tensor(golden.text("input"));
        HookHandle handle =
            model.registerForwardHook(
                golden.text("layer"),
                (layer, output) -> {
                  float[] values = Tensors.toArray(output);
                  int size = (int) (output.size(2) * output.size(3));
                  for (int start = 0; start < values.length; start += size) {
                    maps.add(mapAt(values, start, size));
                  }
                });
        ModelOutput output = model.forward(input)) {
      return maps.size();
    }
  }

  private static List<Float> mapAt(float[] values, int start, int size) {
    Float[] map = new Float[size];
    boolean constant = true;
    for (int i = 0; i < size; i++) {
      map[i] = values[start + i] + 0.0f;
      constant &= map[i].equals(map[0]);
    }
    return constant ? List.of() : List.of(map);
  }

  private static Saliency explain(HookedModel model, Goldens.Case golden, Masker masker) {
    try (ScoreCam cam =
            ScoreCam.on(model)
                .layer(golden.text("layer"))
                .recipe(golden.recipe())
                .channels(golden.channels())
                .masker(masker)
                .build();
        Tensor input = Goldens.tensor(golden.text("input"))) {
      return cam.explain(input, golden.target());
    }
  }
}
