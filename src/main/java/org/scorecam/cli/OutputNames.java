package org.scorecam.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Names for one output each of several inputs: {@code out.png} becomes {@code out-cat.png} for the
 * picture {@code cat.jpg}; a name that comes again gets a number.
 */
final class OutputNames {
  private final List<String> suffixes = new ArrayList<>();

  OutputNames(List<String> inputs) {
    Set<String> taken = new HashSet<>();
    for (String input : inputs) {
      String stem = splitAtEnding(Path.of(input).getFileName().toString())[0];
      String suffix = "-" + stem;
      for (int copy = 2; !taken.add(suffix); copy++) {
        suffix = "-" + stem + "-" + copy;
      }
      suffixes.add(inputs.size() == 1 ? "" : suffix);
    }
  }

  /** The output file of an input. */
  Path of(Path file, int input) {
    String[] parts = splitAtEnding(file.getFileName().toString());
    return file.resolveSibling(parts[0] + suffixes.get(input) + parts[1]);
  }

  private static String[] splitAtEnding(String name) {
    int dot = name.lastIndexOf('.');
    return dot <= 0
        ? new String[] {name, ""}
        : new String[] {name.substring(0, dot), name.substring(dot)};
  }
}
