package org.scorecam.model;

import static java.util.Objects.requireNonNull;

import java.util.List;

/**
 * What is captured of a forward pass.
 *
 * @param layers dotted paths, each once
 * @param counted which call of a layer that is called several times
 * @param moment which state of an output that is later changed in place
 */
public record Watch(List<String> layers, RepeatedCall counted, CaptureMoment moment) {
  /**
   * Keeps a copy of the list.
   *
   * @param layers dotted paths
   * @param counted which call
   * @param moment which state
   */
  public Watch {
    layers = List.copyOf(requireNonNull(layers, "layers"));
    requireNonNull(counted, "counted");
    requireNonNull(moment, "moment");
  }
}
