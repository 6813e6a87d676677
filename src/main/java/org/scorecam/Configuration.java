package org.scorecam;

import java.util.List;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.mask.Masker;
import org.scorecam.model.HookedModel;

/** What a {@link ScoreCam} explains, where, and how. */
record Configuration(
    HookedModel model,
    List<String> layers,
    Recipe recipe,
    ChannelSelection channels,
    Masker masker) {
  Configuration {
    layers = List.copyOf(layers);
  }

  /** The target layers' paths as one. */
  String layerNames() {
    return String.join("+", layers);
  }
}
