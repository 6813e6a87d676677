package org.scorecam.model;

/** Which call counts where a network calls one module several times in a forward pass. */
public enum RepeatedCall {
  /**
   * The first one, as for an implementation that collects what its hook sees and reads the start.
   */
  FIRST,
  /** The last one, as for a hook that stores what it sees. */
  LAST
}
