package org.scorecam.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.MapAgreement;
import org.scorecam.Recipe;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.Capture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.ModuleModel;
import org.scorecam.model.Scorer;
import org.scorecam.nn.HookHandle;
import org.scorecam.nn.Layout;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;
import org.scorecam.zoo.Zoo;
import org.scorecam.zoo.ZooOptions;

/**
 * Explanations by networks of many kinds, each in turns with the passes alone and with Score-CAM
 * written plainly, which runs the same network module by module: how fast scoring is, whatever the
 * network.
 *
 * <p>Their weights are random, scaled so that activations of noise neither vanish nor grow.
 */
public final class Suite {
  /** What the suite consists of, unless it is told otherwise; separated by commas. */
  public static final String NAMES =
      "resnet18,resnet50,vgg16,mobilenet_v2,efficientnet_b0,densenet121,resnext50_32x4d,"
          + "convnext_tiny,vit_b_16";

  /** So that every run sees the same weights. */
  private static final long SEED = 7;

  /** Few channels, unless told otherwise: what counts is the time of a pass. */
  public static final ChannelSelection CHANNELS = ChannelSelection.topMax(32);

  /** Any would do. */
  private static final int CLASS = 1;

  /** Enough for the statistics of a channel even where it is one number for a picture. */
  private static final long ROWS_OF_NOISE = 16;

  private Suite() {}

  /**
   * Makes sure that the zoo has networks.
   *
   * @param names of them
   * @throws org.scorecam.error.ModelException if it lacks one, with the nearest names
   */
  public static void requireAll(List<String> names) {
    // Creating one that is not there says what is instead.
    names.stream().filter(name -> !Zoo.names().contains(name)).forEach(Zoo::create);
  }

  /**
   * What was found for a network.
   *
   * @param name in the zoo
   * @param multiplyAdds of a pass, as {@code 2 · multiplyAdds} operations are usually counted
   * @param scorer how it was scored, in words
   * @param ours the explanations
   * @param plain Score-CAM written plainly
   * @param overAlone how many times as long ours took as {@link NetworkAlone}, as {@link Laps#over}
   *     has it
   * @param speedup how many times as long the plain one took as ours, likewise
   * @param agreement of the two maps
   */
  public record Entry(
      String name,
      long multiplyAdds,
      String scorer,
      Laps ours,
      Laps plain,
      double overAlone,
      double speedup,
      MapAgreement agreement) {}

  /**
   * Measures a network at its customary layer.
   *
   * @param name in the zoo
   * @param device where it runs
   * @param input [1, 3, H, W]
   * @param setUp makes what explains by the network, but for the recipe
   * @param runs timed runs of each, at least 1
   * @return what was found
   */
  public static Entry measure(
      String name,
      Device device,
      Tensor input,
      Function<HookedModel, ScoreCam.Builder> setUp,
      int runs) {
    torch.manual_seed(SEED);
    // Of those whose embeddings are for a size it is this one.
    ZooOptions options = ZooOptions.IMAGENET.withInputSide(input.size(2));
    Target target = Target.ofClass(CLASS);
    try (ModuleModel network = ModuleModel.of(settled(Zoo.create(name, options), input), device)) {
      ScoreCam explainer = setUp.apply(network).recipe(Recipe.TISKW).build();
      try (Race race = new Race();
          Footprint first = Footprint.of(network, explainer, input, target)) {
        Saliency map = first.saliency();
        Scorer scorer = explainer.scorer(input.size(1), input.size(2), input.size(3));
        ScoreCamContestant ours =
            race.enter(new ScoreCamContestant(name, explainer, input, target));
        NetworkAlone alone =
            race.enter(
                new NetworkAlone(scorer, device, input, first.chunks(), map.status().passes()));
        PlainContestant plain = race.enter(new PlainContestant(network, input, map));
        race.compare(ours, alone);
        race.compare(plain, ours);
        Race.Result result = race.run(runs, (done, of) -> {});
        return new Entry(
            name,
            MultiplyAdds.of(network),
            scorer.description(),
            result.laps().get(0),
            result.laps().get(2),
            result.comparisons().get(0).quotient(),
            result.comparisons().get(1).quotient(),
            MapAgreement.of(plain.map(), Tensors.toArray(map.tensor())));
      }
    }
  }

  /**
   * Gives a new network activations of the size that they have in a trained one, at every depth:
   * convolutions and linear layers are scaled until they put out noise of deviation 1, one after
   * the other (Mishkin and Matas, "All you need is a good init", arXiv 1511.06422), and batch norms
   * take over the statistics of that noise. As they begin, activations vanish on their way through
   * many layers, and what is left of a map's range is rounding.
   *
   * <p>Biases of 1 keep most ReLUs open. Half closed, each batch norm spreads anew what the one
   * before left of the differences, rounding errors among them.
   */
  private static Network settled(Network network, Tensor input) {
    List<HookHandle> hooks = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      for (Submodule submodule : network.submodules().values()) {
        if (submodule.module() instanceof BatchNorm2dImpl norm) {
          norm.options().momentum().put(1.0);
          norm.bias().fill_(new Scalar(1));
        } else if (submodule.module() instanceof Conv2dImpl
            || submodule.module() instanceof LinearImpl) {
          hooks.add(submodule.registerForwardHook(Suite::scaleToDeviationOne));
        }
      }
      network.train(true);
      network.call(torch.randn(ROWS_OF_NOISE, input.size(1), input.size(2), input.size(3)));
      network.train(false);
      return network;
    } finally {
      hooks.forEach(HookHandle::close);
    }
  }

  private static Tensor scaleToDeviationOne(Submodule layer, Tensor input, Tensor output) {
    Tensor deviation = output.std();
    for (Tensor parameter : layer.module().parameters().get()) {
      parameter.div_(deviation);
    }
    output.div_(deviation);
    return null;
  }

  /** Score-CAM written plainly, with our set-up of LibTorch but nothing else of ours. */
  private static final class PlainContestant implements Contestant {
    private final ModuleModel network;
    private final Tensor input;

    /** Of the channels that the other explanation scored, [K, h, w]. */
    private final Tensor activations;

    private float[] map;

    PlainContestant(ModuleModel network, Tensor input, Saliency explained) {
      this.network = network;
      this.input = input;
      float[] weights = explained.weights();
      long[] scored =
          IntStream.range(0, weights.length).filter(k -> weights[k] != 0).asLongStream().toArray();
      try (NativeScope scope = NativeScope.open();
          Capture capture =
              network.capture(input, explained.recipe().watching(List.of(explained.layer())))) {
        Tensor output = capture.activations().get(0);
        Tensor all = layout(explained.layer(), output).maps(output).select(0, 0);
        activations =
            scope.keep(all.index_select(0, torch.tensor(scored).to(all.device(), ScalarType.Long)));
      }
    }

    /** Tokens are those of a square input. */
    private Layout layout(String layer, Tensor output) {
      Layout known = network.layoutOf(layer).orElse(Layout.CHANNELS_FIRST);
      if (known.order() != Layout.Order.TOKENS) {
        return known;
      }
      int leading = known.leading().orElseThrow();
      long side = Math.round(Math.sqrt((double) (output.size(1) - leading)));
      return Layout.tokens(leading, side, side);
    }

    @Override
    public String name() {
      return "plain";
    }

    @Override
    public Lap run() {
      long start = System.nanoTime();
      try (LibTorchWork work = LibTorchWork.begin();
          Tensor made = PlainScoreCam.explain(network.network()::call, input, activations, CLASS)) {
        map = Tensors.toArray(made); // On CUDA this waits for the work.
        return Lap.since(start, activations.size(0));
      }
    }

    float[] map() {
      return map.clone();
    }

    @Override
    public void close() {
      activations.close();
    }
  }
}
