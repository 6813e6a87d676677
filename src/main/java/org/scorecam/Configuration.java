package org.scorecam;

import java.util.List;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.MaskSampling;
import org.scorecam.mask.Masker;
import org.scorecam.model.HookedModel;

/** What a {@link ScoreCam} explains, where, and how. */
record Configuration(
    TargetLayers at, ChannelSelection channels, Masker masker, MaskSampling sampling) {
  HookedModel model() {
    return at.model();
  }

  List<String> layers() {
    return at.paths();
  }

  Recipe recipe() {
    return at.recipe();
  }

  /** Whether each mask goes into several masked inputs. */
  boolean isSampled() {
    return !sampling.equals(MaskSampling.once());
  }

  /**
   * How many masked inputs of a layer are scored before their scores are looked at, if no two
   * channels share one.
   */
  long passesAtOnce(long channelsOfLayer) {
    long selected = channels.countOf(channelsOfLayer);
    return sampling.samples()
        * (channels.isAdaptive() ? Math.min(selected, AdaptivePasses.ROUND) : selected);
  }

  /** The target layers' paths as one. */
  String layerNames() {
    return at.name();
  }
}
