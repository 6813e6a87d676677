package org.scorecam.weights;

import java.util.Set;

/**
 * The names that PyTorch's wrappers put into the names of what they wrap: {@code
 * layer1.0._orig_mod.conv1.weight} is the weight {@code layer1.0.conv1.weight} of a block that was
 * compiled.
 */
public final class WrapperNames {
  /** Of compilation, data parallelism, sharding, checkpointing and mixed precision. */
  private static final Set<String> NAMES =
      Set.of(
          "_orig_mod",
          "module",
          "_module",
          "_fsdp_wrapped_module",
          "_fpw_module",
          "_checkpoint_wrapped_module",
          "_forward_module");

  private WrapperNames() {}

  /**
   * A weight's name without those of wrappers, wherever they stand in it.
   *
   * @param name such as {@code module.layer1.0._orig_mod.conv1.weight}
   * @return such as {@code layer1.0.conv1.weight}; the last part always stays
   */
  public static String removeFrom(String name) {
    StringBuilder kept = new StringBuilder();
    int begin = 0;
    for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', begin)) {
      if (!NAMES.contains(name.substring(begin, dot))) {
        kept.append(name, begin, dot + 1);
      }
      begin = dot + 1;
    }
    return kept.append(name, begin, name.length()).toString();
  }

  /** Adds to {@code found} the wrappers in a name. */
  static void collectFrom(String name, Set<String> found) {
    int begin = 0;
    for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', begin)) {
      String part = name.substring(begin, dot);
      if (NAMES.contains(part)) {
        found.add(part);
      }
      begin = dot + 1;
    }
  }
}
