package org.scorecam.zoo;

import java.util.Objects;
import org.scorecam.model.ModuleModel;
import org.scorecam.weights.LoadReport;

/**
 * A network with its weights, and how they were loaded.
 *
 * @param model the network in evaluation mode, owned by whoever holds this
 * @param report from which key the weights came, what prefix was dropped, what was converted
 */
public record LoadedNetwork(ModuleModel model, LoadReport report) implements AutoCloseable {
  /**
   * Takes both.
   *
   * @param model see the record
   * @param report see the record
   */
  public LoadedNetwork {
    Objects.requireNonNull(model, "model");
    Objects.requireNonNull(report, "report");
  }

  /** Closes the network. */
  @Override
  public void close() {
    model.close();
  }
}
