package org.scorecam.model;

import org.bytedeco.pytorch.Tensor;

/** What computes in place of a module while a scorer runs. */
interface StandIn extends AutoCloseable {
  /** The module's output, owned by the scope that is open. */
  Tensor forward(Tensor input);

  @Override
  void close();
}
