package org.scorecam.model;

import java.util.List;
import java.util.Optional;

/**
 * A submodule of a network.
 *
 * @param path its dotted path from the root, such as {@code layer4.1.conv2}
 * @param type the module's class, such as {@code Conv2d}
 * @param outputShape the shape of its output for the inputs seen last; empty before any input was
 *     seen, and where the output is no tensor or cannot be captured
 */
public record Layer(String path, String type, Optional<List<Long>> outputShape) {
  /**
   * How deep the layer lies.
   *
   * @return 0 for a child of the root
   */
  public int depth() {
    return (int) path.chars().filter(c -> c == '.').count();
  }

  /**
   * The last part of the path.
   *
   * @return for example {@code conv2}
   */
  public String name() {
    return path.substring(path.lastIndexOf('.') + 1);
  }
}
