package org.scorecam.spark;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.scorecam.Recipe;
import org.scorecam.ScoreCam;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.Precision;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.zoo.Zoo;

/**
 * Which network explains, and how: what executors are told instead of being sent a model.
 *
 * @param file of the network, or of the weights where there is an architecture
 * @param architecture one of the zoo's; null for a TorchScript file
 * @param layers their paths; none for the network's customary one
 * @param layout as {@link Layout#parse} reads it, or null
 * @param recipe its name
 * @param channels as {@link ChannelSelection#parse} reads them
 * @param precision its name, or {@code auto}
 * @param batch rows, or 0 for as many as are fastest
 * @param memory bytes for all tasks of an executor, or 0 for a part of what is available
 */
record NetworkSettings(
    ModelFile file,
    String architecture,
    List<String> layers,
    String layout,
    String recipe,
    String channels,
    String precision,
    int batch,
    long memory)
    implements Serializable {
  static final String FASTEST_PRECISION = "auto";

  /** Loads the network from a copy of its file; owned by the caller. */
  HookedModel load(Path local, Device device) {
    return architecture == null
        ? TorchScriptModel.load(local, device)
        : Zoo.load(architecture, local, device);
  }

  /** An explainer for tasks of which each has this share; owned by the caller. */
  ScoreCam explainer(HookedModel model, TaskShare share) {
    ScoreCam.Builder builder =
        ScoreCam.on(model)
            .layers(layers.toArray(String[]::new))
            .recipe(Recipe.named(recipe))
            .channels(ChannelSelection.parse(channels))
            .workers(share.cpus(), share.tasks());
    Optional.ofNullable(layout).map(Layout::parse).ifPresent(builder::layout);
    if (batch > 0) {
      builder.batch(batch);
    } else {
      OptionalLong bytes = share.memory(memory, model.device());
      bytes.ifPresent(builder::memory);
    }
    return precision.equals(FASTEST_PRECISION)
        ? builder.fastestPrecision().build()
        : builder.precision(Precision.named(precision)).build();
  }
}
