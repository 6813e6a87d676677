package org.scorecam.weights;

import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.scorecam.error.ModelException;

/**
 * How a file's names become the network's: what they begin with is dropped, and the names of
 * wrappers, where they are otherwise the network's.
 *
 * @param prefix such as {@code module.}; empty for names that need none dropped
 * @param wrappers whose names were found inside the file's and are dropped before the prefix
 * @param bare the network's names, by themselves without wrappers; empty if none are dropped
 */
record NameMatch(String prefix, Set<String> wrappers, Map<String, String> bare) {
  /** Wrappers in wrappers; names from hostile files may have any number of dots. */
  private static final int MAX_DOTS = 8;

  /**
   * The match by which most of the file's names are the network's; wrappers' names stay where
   * dropping them is no better.
   *
   * @param names in the file
   * @param wanted in the network
   * @param path the file, for messages
   * @throws ModelException if the network is in the file more than once, under several prefixes
   */
  static NameMatch find(Collection<String> names, Set<String> wanted, Path path) {
    NameMatch plain = new NameMatch(prefix(names, wanted, path), Set.of(), Map.of());
    Set<String> wrappers = new LinkedHashSet<>();
    names.forEach(name -> WrapperNames.collectFrom(name, wrappers));
    long fitting = plain.fitting(names, wanted);
    if (wrappers.isEmpty() || fitting == wanted.size()) {
      return plain;
    }
    Map<String, String> bare = new HashMap<>();
    wanted.forEach(name -> bare.put(WrapperNames.removeFrom(name), name));
    Set<String> bareNames = new HashSet<>();
    names.forEach(name -> bareNames.add(WrapperNames.removeFrom(name)));
    if (bare.size() < wanted.size() || bareNames.size() < names.size()) {
      // Some differ in nothing but wrappers' names.
      return plain;
    }
    NameMatch unwrapped = new NameMatch(prefix(bareNames, bare.keySet(), path), wrappers, bare);
    return unwrapped.fitting(names, wanted) > fitting ? unwrapped : plain;
  }

  private static String prefix(Collection<String> names, Set<String> wanted, Path path) {
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
      return "";
    }
    if (best.size() > 1) {
      throw new ModelException(
          path
              + " has the network's weights under several prefixes: "
              + NameList.of(best)
              + "; choose one, without its last dot, with --weights-key, or in Java with"
              + " WeightFile.open(path, key)");
    }
    return best.get(0);
  }

  private long fitting(Collection<String> names, Set<String> wanted) {
    return names.stream().filter(name -> wanted.contains(nameInNetwork(name))).count();
  }

  /** What a name in the file is in the network, which may lack it; null if it has no prefix. */
  String nameInNetwork(String name) {
    String unwrapped = unwrap(name);
    if (!unwrapped.startsWith(prefix)) {
      return null;
    }
    String dropped = unwrapped.substring(prefix.length());
    return bare.getOrDefault(dropped, dropped);
  }

  private String unwrap(String name) {
    return wrappers.isEmpty() ? name : WrapperNames.removeFrom(name);
  }

  /** The entries whose names have the prefix, by their names in the network. */
  <T> Map<String, T> inNetwork(Map<String, T> named) {
    Map<String, T> result = new LinkedHashMap<>();
    named.forEach(
        (name, value) -> {
          String inNetwork = nameInNetwork(name);
          if (inNetwork != null) {
            result.put(inNetwork, value);
          }
        });
    return result;
  }

  /** The names that lack the prefix. */
  List<String> without(Collection<String> names) {
    return names.stream().filter(name -> nameInNetwork(name) == null).toList();
  }
}
