package org.scorecam.graph;

import org.bytedeco.pytorch.Tensor;

/** What computes in place of a module while a scorer runs. */
public interface StandIn extends AutoCloseable {
  /**
   * Computes the module's output. Needs an open scope.
   *
   * @param input of a shape and dtype that the module takes
   * @return the output, owned by the scope
   */
  Tensor forward(Tensor input);

  @Override
  void close();
}
