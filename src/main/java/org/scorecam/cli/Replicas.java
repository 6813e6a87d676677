package org.scorecam.cli;

import java.util.ArrayList;
import java.util.List;
import org.scorecam.Explainer;
import org.scorecam.ProgressListener;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Device;

/** The network with an explainer on each of the devices that were asked for. */
final class Replicas implements AutoCloseable {
  private final List<HookedModel> networks = new ArrayList<>();
  private final List<Explainer> explainers = new ArrayList<>();

  /**
   * Loads the network as often as there are devices.
   *
   * @param progress is told of what all explainers do together
   */
  Replicas(ModelOptions model, MethodOptions method, ProgressListener progress) {
    SummedProgress sum = new SummedProgress(progress);
    try {
      for (Device device : model.devices()) {
        networks.add(model.loadOn(device));
        explainers.add(method.explainer(networks.get(networks.size() - 1), sum.addPart()));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** One for each device, closed with this. */
  List<Explainer> explainers() {
    return explainers;
  }

  @Override
  public void close() {
    explainers.forEach(Explainer::close);
    networks.forEach(HookedModel::close);
  }
}
