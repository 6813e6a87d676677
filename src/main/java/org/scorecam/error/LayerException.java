package org.scorecam.error;

import java.util.Collection;

/** A layer that the network does not have, or whose output cannot be captured or explained. */
public final class LayerException extends ScoreCamException {
  private static final long serialVersionUID = 1L;

  /**
   * An error without a cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   */
  public LayerException(String message) {
    super(message);
  }

  /**
   * An error with its cause.
   *
   * @param message what is wrong, with the actual names, shapes and limits
   * @param cause what was thrown below
   */
  public LayerException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * What to say of a layer that is not there.
   *
   * @param path that was asked for
   * @param paths that there are
   * @return an error that offers the nearest paths
   */
  public static LayerException unknown(String path, Collection<String> paths) {
    return new LayerException(
        paths.isEmpty()
            ? ("the network has no layer '%s': it has no submodules, as after torch.jit.freeze;"
                    + " save it before that")
                .formatted(path)
            : "the network has no layer '%s'; the nearest of its %d layers are %s"
                .formatted(path, paths.size(), String.join(", ", NearestNames.to(path, paths))));
  }
}
