package org.scorecam;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.QueuedChannels.QueuedTarget;
import org.scorecam.model.InputShape;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.ChunkPlan;
import org.scorecam.scoring.MaskedInputs;
import org.scorecam.scoring.PassScoring;

/**
 * The way of a batch of inputs to their saliency maps, in groups: a {@link FirstPass} captures the
 * activation maps, {@link ChannelScoring}, or {@link QueuedChannels} where the host is not to wait,
 * has the channels that are selected, {@link PassScoring} scores their masked inputs in chunks, and
 * the scores become weights and these the {@link Saliency}. Safe for several threads.
 */
final class BatchExplainer {
  /** The part of the passes that sharing must save to be worth the host's waiting for the maps. */
  private static final double WORTH_A_WAIT = 1 / 16.0;

  /** In place of the number of a layer's channels while it is not known. */
  private static final long MANY = 1 << 16;

  /** So many full chunks of usual rows that a last one which is not full does not matter. */
  private static final long FULL_GROUP = 8 * 32;

  private static final long MOST_INPUTS = 32;

  private final Configuration configuration;
  private final PassScoring scoring;
  private final ProgressListener progress;

  /** Whether channels with the same masked input share a pass; nothing for what is best. */
  private final Optional<Boolean> shares;

  /** Whether the last image whose passes were not shared had many that could have been. */
  private volatile boolean sharingPays;

  /** Those at once, of all target layers together; 0 before an input has shown them. */
  private volatile long seenPassesPerInput;

  BatchExplainer(
      Configuration configuration,
      PassScoring scoring,
      ProgressListener progress,
      Optional<Boolean> shares) {
    this.shares = shares;
    this.configuration = configuration;
    this.scoring = scoring;
    this.progress = progress;
  }

  /**
   * Explains inputs.
   *
   * @param inputs float32 [N, C, H, W]
   * @param targets those of each input
   * @return for each input and each of its targets a saliency for each layer
   */
  List<List<List<Saliency>>> explain(Tensor inputs, List<List<Target>> targets) {
    return InputGroups.explain(
        configuration.at(), inputs, targets, this::inputsAtOnce, this::explainGroup);
  }

  /** As {@link ScoreCam#inputsPerGroup}. */
  int inputsPerGroup() {
    return (int) Math.max(1, Math.min(MOST_INPUTS, FULL_GROUP / passesPerInput()));
  }

  private long passesPerInput() {
    long seen = seenPassesPerInput;
    return seen > 0 ? seen : configuration.passesAtOnce(MANY) * configuration.layers().size();
  }

  /** How many inputs the first pass sees at once: no more than a chunk has. */
  private long inputsAtOnce(Tensor inputs, long left) {
    long count = Math.min(left, inputsPerGroup());
    return count == 1
        ? 1
        : Math.min(
            count, scoring.plan(InputShape.ofRowsIn(inputs), count * passesPerInput()).rows());
  }

  /** Explains some of the inputs, and counts the masked inputs that the network ran. */
  private long explainGroup(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    boolean known = shares.orElse(!images.is_cuda() || sharingPays);
    return known || !QueuedChannels.canHave(configuration, targets)
        ? explainKnown(images, targets, results)
        : explainQueued(images, targets, results);
  }

  /** Without knowing anything of the device before the end. */
  private long explainQueued(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    List<QueuedChannels> channels = new ArrayList<>();
    List<MaskedInputs> passes = new ArrayList<>();
    List<SampledInputs> sampled = new ArrayList<>();
    List<List<Saliency>> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass firstPass = FirstPass.of(configuration.at(), images, List.of(), false)) {
      Stage.Plan stage = new Stage.Plan(configuration.layerNames());
      for (int image = 0; image < targets.size(); image++) {
        Tensor input = images.select(0, image);
        List<QueuedTarget> ofImage = firstPass.queue(image, targets.get(image));
        for (int l = 0; l < configuration.layers().size(); l++) {
          String layer = configuration.layers().get(l);
          Tensor activations = firstPass.mapsOf(image, l);
          QueuedChannels ofLayer =
              new QueuedChannels(configuration, layer, activations, input, ofImage);
          channels.add(ofLayer);
          if (configuration.isSampled()) {
            sampled.add(new SampledInputs(ofLayer, configuration.sampling(), input));
          }
        }
      }
      passes.addAll(configuration.isSampled() ? sampled : channels);
      long count = passes.stream().mapToLong(MaskedInputs::passes).sum();
      stage.passes = count;
      stage.commit();
      seenPassesPerInput = count / images.size(0);
      ChunkPlan plan =
          scoring
              .score(passes, InputShape.ofRowsIn(images), count, progress::onProgress)
              .noting(firstPass.notes());
      for (QueuedChannels scored : channels) {
        maps.add(scored.toSaliencies(plan));
      }
      sharingPays =
          maps.stream()
              .map(ofTargets -> ofTargets.get(0))
              .anyMatch(map -> couldShare(map.status()));
      addByTarget(maps, results);
      return count;
    } catch (RuntimeException | Error e) {
      maps.forEach(ofTargets -> ofTargets.forEach(Saliency::close));
      throw e;
    } finally {
      sampled.forEach(SampledInputs::close);
      channels.forEach(QueuedChannels::close);
    }
  }

  private static boolean couldShare(SaliencyStatus status) {
    return status.constantChannels() + status.nonFiniteChannels()
        > WORTH_A_WAIT * status.passes() / status.samples();
  }

  /** After a look at what the maps are like. */
  private long explainKnown(
      Tensor images, List<List<Target>> targets, List<List<List<Saliency>>> results) {
    List<ChannelScoring> channels = new ArrayList<>();
    List<List<Saliency>> maps = new ArrayList<>();
    try (NativeScope scope = NativeScope.open();
        FirstPass firstPass =
            FirstPass.of(
                configuration.at(), images, targets, configuration.channels().needsGradient())) {
      firstPass.addChannels(configuration, channels);
      Rounds rounds = new Rounds(channels, images);
      rounds.run();
      ChunkPlan plan = rounds.plan.noting(firstPass.notes());
      for (ChannelScoring scored : channels) {
        maps.add(scored.toSaliencies(plan));
      }
      addByTarget(maps, results);
      return rounds.scored;
    } catch (RuntimeException | Error e) {
      maps.forEach(ofTargets -> ofTargets.forEach(Saliency::close));
      throw e;
    } finally {
      channels.forEach(ChannelScoring::close);
    }
  }

  /**
   * The scoring of some images' channels: in one round, or in several where channels are chosen as
   * scores come in.
   */
  private final class Rounds {
    private final List<ChannelScoring> channels;
    private final Tensor images;
    private final int samples = configuration.sampling().samples();
    private final long atOnce;
    private final long most;
    private ChunkPlan plan;
    private long scored;

    private Rounds(List<ChannelScoring> channels, Tensor images) {
      this.channels = channels;
      this.images = images;
      this.atOnce = samples * channels.stream().mapToLong(ChannelScoring::passesAtOnce).sum();
      this.most = samples * channels.stream().mapToLong(ChannelScoring::mostPasses).sum();
    }

    private int imageOf(int channel) {
      return channel / configuration.layers().size();
    }

    private void run() {
      seenPassesPerInput = atOnce / images.size(0);
      List<MaskedInputs> round = channels.stream().map(ChannelScoring::nextRound).toList();
      do {
        score(round);
        List<MaskedInputs> next = channels.stream().map(ChannelScoring::nextRound).toList();
        tellMapsOf(round);
        round = next;
      } while (round.stream().anyMatch(inputs -> inputs.passes() > 0));
      if (scored < most) {
        progress.onProgress(scored, scored);
      }
    }

    private void score(List<MaskedInputs> round) {
      List<SampledInputs> sampled = new ArrayList<>();
      try {
        for (int i = 0; configuration.isSampled() && i < round.size(); i++) {
          Tensor image = images.select(0, imageOf(i));
          sampled.add(new SampledInputs(round.get(i), configuration.sampling(), image));
        }
        long before = scored;
        plan =
            scoring.score(
                configuration.isSampled() ? sampled : round,
                InputShape.ofRowsIn(images),
                atOnce,
                (now, ofRound) -> progress.onProgress(before + now, most));
        scored += samples * round.stream().mapToLong(MaskedInputs::passes).sum();
      } finally {
        sampled.forEach(SampledInputs::close);
      }
    }

    private void tellMapsOf(List<MaskedInputs> round) {
      for (int i = 0; i < channels.size(); i++) {
        ChannelScoring ofOne = channels.get(i);
        if (ofOne.isAdaptive() && round.get(i).passes() > 0) {
          progress.onRound(imageOf(i), () -> ofOne.toSaliencies(plan));
        }
      }
    }
  }

  /** Of maps of each target for each layer of each image. */
  private void addByTarget(List<List<Saliency>> maps, List<List<List<Saliency>>> results) {
    int layers = configuration.layers().size();
    for (int i = 0; i < maps.size(); i += layers) {
      results.add(byTarget(maps.subList(i, i + layers)));
    }
  }

  /** From the maps of each target for each layer to those of each layer for each target. */
  private static List<List<Saliency>> byTarget(List<List<Saliency>> byLayer) {
    return IntStream.range(0, byLayer.get(0).size())
        .mapToObj(t -> byLayer.stream().map(ofTargets -> ofTargets.get(t)).toList())
        .toList();
  }
}
