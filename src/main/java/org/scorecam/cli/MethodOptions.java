package org.scorecam.cli;

import static java.util.stream.Collectors.joining;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.scorecam.Explainer;
import org.scorecam.FeatureCam;
import org.scorecam.GradientCam;
import org.scorecam.ProgressListener;
import org.scorecam.Recipe;
import org.scorecam.ScoreCam;
import org.scorecam.Smoothed;
import org.scorecam.TransformerInputSampling;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Precision;
import org.scorecam.nn.Layout;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options that say how it is explained. */
final class MethodOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--layer",
      paramLabel = "PATH",
      split = ",",
      description =
          "Target layer, as the layers command lists it; several, separated by commas, are fused."
              + " With --arch it can be left out: each architecture has a usual one.")
  private List<String> layers = List.of();

  @Option(
      names = "--layout",
      paramLabel = "channels-first|channels-last|tokens[:P[:HxW]]",
      converter = LayoutConverter.class,
      description =
          "How the layer's output holds its maps: [N, K, h, w], [N, h, w, K], or [N, P + h·w, K] with"
              + " P leading tokens, such as a class token; by default found where the shape is"
              + " certain.")
  private Layout layout;

  @Option(
      names = "--method",
      paramLabel = "NAME",
      defaultValue = "score-cam",
      converter = Method.Converter.class,
      description = "${COMPLETION-CANDIDATES}; default: ${DEFAULT-VALUE}.",
      completionCandidates = Method.Names.class)
  private Method method;

  @Option(
      names = "--smooth",
      description =
          "Average the maps of the input as it is and mirrored, each times 0.9, 1 and 1.1: six times the"
              + " work.")
  private boolean smooth;

  @Option(
      names = "--samples",
      paramLabel = "N",
      converter = Positive.class,
      description =
          "Masked inputs of each mask: of ss-cam 35, of is-cam 10, unless something else is said.")
  private Integer samples;

  @Option(
      names = "--std",
      paramLabel = "S",
      converter = StdConverter.class,
      description = "Standard deviation of ss-cam's noise, on masks from 0 to 1; default: 2.")
  private Double std;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Seed of ss-cam's noise, and of tis's clusters; default: 0.")
  private Long seed;

  @Option(
      names = "--place-mask",
      paramLabel = "single|gaussian",
      description =
          "What recipro-cam and vit-recipro-cam keep around a place: it alone, or its neighbours, too,"
              + " with Gaussian weights; default: single and gaussian.")
  private FeatureCam.PlaceMask placeMask;

  @Option(
      names = "--masks",
      paramLabel = "N",
      converter = Positive.class,
      description = "Masks of tis, each a pass; default: 1024.")
  private Integer masks;

  @Option(
      names = "--kept",
      paramLabel = "P",
      converter = PartConverter.class,
      description = "Part of the tokens that each mask of tis keeps; default: 0.5.")
  private Double kept;

  @Option(
      names = "--embedding",
      paramLabel = "PATH",
      description =
          "Layer that puts out the tokens with their positions, of which tis leaves some out; --layer"
              + " then names the blocks whose activations are clustered. Both are found in networks"
              + " with torchvision's or timm's names.")
  private String embedding;

  @Option(
      names = "--recipe",
      paramLabel = "NAME",
      converter = RecipeConverter.class,
      description =
          "tiskw, pytorch-grad-cam, torchcam or haofanwang; default: tiskw, or what the"
              + " method's published code does.")
  private Recipe recipe;

  @Option(
      names = "--channels",
      paramLabel = "all|adaptive[:P]|max:K|gradient:K|std:K",
      defaultValue = "all",
      converter = ChannelsConverter.class,
      description =
          "Score all channels; as many as the map needs to correlate at least P with that of all"
              + " (adaptive; P is 0.99 unless given); or K: those with the largest maxima (max), those"
              + " that the score depends on most (gradient), or those whose maps vary most (std);"
              + " default: all.")
  private ChannelSelection channels;

  @Mixin private PassOptions passes;

  @Option(
      names = "--precision",
      paramLabel = "NAME|auto",
      defaultValue = "float32",
      converter = PrecisionConverter.class,
      description =
          "Precision for scoring masked inputs: float32, tf32 (CUDA), bfloat16, float16, or auto for"
              + " the fastest whose map agrees with float32's; default: ${DEFAULT-VALUE}.")
  private AskedPrecision precision;

  /** Takes others where none were given and the method scores passes. */
  void passesUnlessGiven(PassOptions others) {
    if (scoresPasses() && !passes.given()) {
      passes = others;
    }
  }

  /** Scores these channels where none were chosen. */
  void channelsUnlessGiven(ChannelSelection others) {
    if (!command.commandLine().getParseResult().hasMatchedOption("--channels")) {
      channels = others;
    }
  }

  /** Whether several layers make one map. */
  boolean fuses() {
    return layers.size() > 1;
  }

  /** Refuses a layer that is named more than once. */
  void requireDifferentLayers() {
    if (layers.stream().distinct().count() < layers.size()) {
      throw new ParameterException(command.commandLine(), "--layer names a layer twice");
    }
  }

  /** Whether all channels of the target layer are scored. */
  boolean scoresAllChannels() {
    return channels.toString().equals(ChannelSelection.all().toString());
  }

  /** Which channels are scored, in words. */
  String channels() {
    return channels.toString();
  }

  /** Whether the map is the one that the benchmark's baseline computes. */
  boolean isTheBaselines() {
    return recipeOrTiskw().equals(Recipe.TISKW) && method == Method.SCORE_CAM;
  }

  /** The method's name. */
  String method() {
    return method.toString();
  }

  /** The explainer that the options ask for; owned by the caller. */
  Explainer explainer(HookedModel model, ProgressListener progress) {
    return smooth
        ? Smoothed.of(listener -> plainExplainer(model, listener), progress)
        : plainExplainer(model, progress);
  }

  private Explainer plainExplainer(HookedModel model, ProgressListener progress) {
    return switch (method) {
      case SCORE_CAM, SS_CAM, IS_CAM -> builder(model, layers).progress(progress).build();
      case ABLATION_CAM -> featureCam(model, FeatureCam.Method.ABLATION, progress);
      case RECIPRO_CAM -> featureCam(model, FeatureCam.Method.RECIPRO, progress);
      case VIT_RECIPRO_CAM -> featureCam(model, FeatureCam.Method.VIT_RECIPRO, progress);
      case TIS -> inputSampling(model, progress);
      case GRAD_CAM -> gradientCam(model, GradientCam.Method.GRAD);
      case GRAD_CAM_PLUS_PLUS -> gradientCam(model, GradientCam.Method.GRAD_PLUS_PLUS);
      case LAYER_CAM -> gradientCam(model, GradientCam.Method.LAYER);
    };
  }

  private GradientCam gradientCam(HookedModel model, GradientCam.Method made) {
    requireFittingOptions();
    if (passes.given() || precision.fixed != Precision.FLOAT32 || !scoresAllChannels()) {
      throw new ParameterException(
          command.commandLine(),
          "--method %s scores no masked inputs: it takes no --channels, --batch, --workers, --memory, --cuda-graphs or --precision"
              .formatted(method));
    }
    requireLayer(model.defaultLayer());
    GradientCam.Builder builder = GradientCam.on(model, made);
    layers.forEach(builder::layer);
    if (layout != null) {
      builder.layout(layout);
    }
    if (recipe != null) {
      builder.recipe(recipe);
    }
    return builder.build();
  }

  private FeatureCam featureCam(
      HookedModel model, FeatureCam.Method changed, ProgressListener progress) {
    requireFittingOptions();
    if (layers.size() > 1 || !scoresAllChannels()) {
      throw new ParameterException(
          command.commandLine(),
          "--method %s takes a single --layer, and no --channels".formatted(method));
    }
    requireLayer(FeatureCam.defaultLayer(model, changed));
    FeatureCam.Builder builder = FeatureCam.on(model, changed).progress(progress);
    layers.forEach(builder::layer);
    if (layout != null) {
      builder.layout(layout);
    }
    if (recipe != null) {
      builder.recipe(recipe);
    }
    passes.applyTo(builder);
    if (placeMask != null) {
      builder.placeMask(placeMask);
    }
    return builder.precision(Optional.ofNullable(precision.fixed)).build();
  }

  private TransformerInputSampling inputSampling(HookedModel model, ProgressListener progress) {
    requireFittingOptions();
    if (!scoresAllChannels()) {
      throw new ParameterException(command.commandLine(), "--method tis takes no --channels");
    }
    TransformerInputSampling.Builder builder =
        TransformerInputSampling.on(model)
            .layers(layers.toArray(String[]::new))
            .precision(Optional.ofNullable(precision.fixed))
            .progress(progress);
    Optional.ofNullable(embedding).ifPresent(builder::embedding);
    Optional.ofNullable(layout).ifPresent(builder::layout);
    Optional.ofNullable(recipe).ifPresent(builder::recipe);
    Optional.ofNullable(masks).ifPresent(builder::masks);
    Optional.ofNullable(kept).ifPresent(builder::kept);
    Optional.ofNullable(seed).ifPresent(builder::seed);
    passes.applyTo(builder);
    try {
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(
          command.commandLine(),
          "--method tis finds the tokens of networks with torchvision's or timm's names; of this one"
              + " name them with --embedding and --layer",
          e);
    }
  }

  /** Refuses options that do not go with the method or with each other. */
  private void requireFittingOptions() {
    requireOnlyWith("--samples", samples, Method.SS_CAM, Method.IS_CAM);
    requireOnlyWith("--std", std, Method.SS_CAM);
    requireOnlyWith("--seed", seed, Method.SS_CAM, Method.TIS);
    requireOnlyWith("--masks", masks, Method.TIS);
    requireOnlyWith("--kept", kept, Method.TIS);
    requireOnlyWith("--embedding", embedding, Method.TIS);
    requireOnlyWith("--place-mask", placeMask, Method.RECIPRO_CAM, Method.VIT_RECIPRO_CAM);
    passes.requireFitting();
  }

  private void requireLayer(Optional<String> customary) {
    if (layers.isEmpty() && customary.isEmpty()) {
      throw new ParameterException(
          command.commandLine(),
          "Missing required option: '--layer=PATH'. The layers command lists the network's layers");
    }
  }

  /** Whether the network scores something beside the inputs. */
  boolean scoresPasses() {
    return !List.of(Method.GRAD_CAM, Method.GRAD_CAM_PLUS_PLUS, Method.LAYER_CAM).contains(method);
  }

  /** Whether the map is one of several on average. */
  boolean smooths() {
    return smooth;
  }

  /** Whether channels have weights. */
  boolean hasChannelWeights() {
    return switch (method) {
      case RECIPRO_CAM, VIT_RECIPRO_CAM, TIS, LAYER_CAM -> false;
      case SCORE_CAM, SS_CAM, IS_CAM, ABLATION_CAM, GRAD_CAM, GRAD_CAM_PLUS_PLUS -> true;
    };
  }

  private Recipe recipeOrTiskw() {
    return recipe == null ? Recipe.TISKW : recipe;
  }

  /** The same, for what one command varies. */
  ScoreCam.Builder builder(HookedModel model) {
    if (smooth) {
      throw new ParameterException(command.commandLine(), "this command does not know --smooth");
    }
    return builder(model, layers);
  }

  /**
   * Explainers for each recipe, each target layer by itself, and all channels as well as the chosen
   * ones; owned by the caller.
   */
  List<ScoreCam> ofAllRecipes(HookedModel model) {
    List<List<String>> eachLayer =
        layers.isEmpty() ? List.of(layers) : layers.stream().map(List::of).toList();
    List<ChannelSelection> selections =
        scoresAllChannels() ? List.of(channels) : List.of(channels, ChannelSelection.all());
    List<ScoreCam> explainers = new ArrayList<>();
    for (List<String> layer : eachLayer) {
      for (ChannelSelection selection : selections) {
        for (Recipe each : Recipe.published()) {
          explainers.add(builder(model, layer).recipe(each).channels(selection).build());
        }
      }
    }
    return explainers;
  }

  private ScoreCam.Builder builder(HookedModel model, List<String> layers) {
    requireLayer(model.defaultLayer());
    requireFittingOptions();
    ScoreCam.Builder builder =
        ScoreCam.on(model)
            .layers(layers.toArray(String[]::new))
            .recipe(recipeOrTiskw())
            .channels(channels);
    if (layout != null) {
      builder.layout(layout);
    }
    passes.applyTo(builder);
    builder.sampling(sampling());
    return precision.fixed == null
        ? builder.fastestPrecision()
        : builder.precision(precision.fixed);
  }

  private MaskSampling sampling() {
    return switch (method) {
      case SCORE_CAM -> MaskSampling.once();
      case SS_CAM ->
          MaskSampling.noise(
              samples == null ? 35 : samples, std == null ? 2 : std, seed == null ? 0 : seed);
      case IS_CAM -> MaskSampling.scaled(samples == null ? 10 : samples);
      case ABLATION_CAM,
          RECIPRO_CAM,
          VIT_RECIPRO_CAM,
          TIS,
          GRAD_CAM,
          GRAD_CAM_PLUS_PLUS,
          LAYER_CAM ->
          throw new ParameterException(
              command.commandLine(), "this command does not know --method " + method);
    };
  }

  private void requireOnlyWith(String option, Object value, Method... methods) {
    if (value != null && !List.of(methods).contains(method)) {
      throw new ParameterException(
          command.commandLine(),
          "%s is for --method %s, not for %s"
              .formatted(
                  option,
                  Arrays.stream(methods).map(Method::toString).collect(joining(" and ")),
                  method));
    }
  }

  private static final class StdConverter implements ITypeConverter<Double> {
    @Override
    public Double convert(String text) {
      try {
        double value = Double.parseDouble(text);
        if (value > 0 && Double.isFinite(value)) {
          return value;
        }
      } catch (NumberFormatException e) {
        // Falls through to the one message for both.
      }
      throw new TypeConversionException("'%s' is not a number above 0".formatted(text));
    }
  }

  private static final class PartConverter implements ITypeConverter<Double> {
    @Override
    public Double convert(String text) {
      try {
        double value = Double.parseDouble(text);
        if (value > 0 && value < 1) {
          return value;
        }
      } catch (NumberFormatException e) {
        // Falls through to the one message for both.
      }
      throw new TypeConversionException("'%s' is not a number above 0 and below 1".formatted(text));
    }
  }

  private static final class LayoutConverter implements ITypeConverter<Layout> {
    @Override
    public Layout convert(String text) {
      try {
        return Layout.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  private static final class RecipeConverter implements ITypeConverter<Recipe> {
    @Override
    public Recipe convert(String name) {
      try {
        return Recipe.named(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }

  /** A precision, or null for the fastest that holds. */
  private record AskedPrecision(Precision fixed) {}

  private static final class PrecisionConverter implements ITypeConverter<AskedPrecision> {
    @Override
    public AskedPrecision convert(String name) {
      try {
        return new AskedPrecision(name.equals("auto") ? null : Precision.named(name));
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage() + ", and auto");
      }
    }
  }

  private static final class ChannelsConverter implements ITypeConverter<ChannelSelection> {
    @Override
    public ChannelSelection convert(String text) {
      try {
        return ChannelSelection.parse(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
