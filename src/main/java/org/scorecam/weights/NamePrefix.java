package org.scorecam.weights;

import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.scorecam.error.ModelException;

/**
 * What a file's names begin with where they are otherwise the network's.
 *
 * @param prefix such as {@code module.}; empty for names that are the network's as they are
 */
record NamePrefix(String prefix) {
  /** Wrappers in wrappers; names from hostile files may have any number of dots. */
  private static final int MAX_DOTS = 8;

  /**
   * The prefix without which most names are the network's; none where that is no better.
   *
   * @param names in the file
   * @param wanted in the network
   * @param path the file, for messages
   * @throws ModelException if the network is in the file more than once, under several prefixes
   */
  static NamePrefix find(Collection<String> names, Set<String> wanted, Path path) {
    Map<String, Integer> fitting = new HashMap<>();
    for (String name : names) {
      int begin = 0;
      for (int i = 0; i <= MAX_DOTS && begin >= 0; i++) {
        if (wanted.contains(name.substring(begin))) {
          fitting.merge(name.substring(0, begin), 1, Integer::sum);
        }
        int dot = name.indexOf('.', begin);
        begin = dot < 0 ? -1 : dot + 1;
      }
    }
    int most = fitting.values().stream().mapToInt(Integer::intValue).max().orElse(0);
    List<String> best =
        fitting.keySet().stream().filter(prefix -> fitting.get(prefix) == most).sorted().toList();
    // Under half of them are chance: a network of another kind that calls its layers the same.
    if (best.contains("") || 2L * most < wanted.size()) {
      return new NamePrefix("");
    }
    if (best.size() > 1) {
      throw new ModelException(
          path
              + " has the network's weights with several prefixes: "
              + NameList.of(best)
              + "; choose one, without its last dot, with --weights-key, or in Java with"
              + " WeightFile.open(path, key)");
    }
    return new NamePrefix(best.get(0));
  }

  /** The name without the prefix, or null if it lacks it. */
  String drop(String name) {
    return name.startsWith(prefix) ? name.substring(prefix.length()) : null;
  }

  /** The entries whose names have the prefix, by their names without it. */
  <T> Map<String, T> drop(Map<String, T> named) {
    Map<String, T> dropped = new LinkedHashMap<>();
    named.forEach(
        (name, value) -> {
          if (name.startsWith(prefix)) {
            dropped.put(drop(name), value);
          }
        });
    return dropped;
  }

  /** The names that lack the prefix. */
  List<String> without(Collection<String> names) {
    return names.stream().filter(name -> !name.startsWith(prefix)).toList();
  }
}
