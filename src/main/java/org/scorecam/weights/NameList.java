package org.scorecam.weights;

import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Names from files for messages: the first few, each cut to a readable length. */
final class NameList {
  private static final int MAX_NAMES = 8;
  private static final int MAX_NAME = 80;

  private NameList() {}

  /** The names in quotes. */
  static String of(Collection<String> names) {
    return join(names.stream(), names.size());
  }

  /** What comes before the first dot in each, in quotes. */
  static String ofFirstParts(Collection<String> names) {
    List<String> parts =
        names.stream()
            .map(name -> name.split("\\.", 2)[0])
            .distinct()
            .limit(MAX_NAMES + 1)
            .toList();
    return join(parts.stream(), parts.size());
  }

  private static String join(Stream<String> names, int count) {
    String first =
        names
            .limit(MAX_NAMES)
            .map(name -> "'" + Printable.of(name, MAX_NAME) + "'")
            .collect(Collectors.joining(", "));
    return count > MAX_NAMES ? first + " and more" : first;
  }
}
