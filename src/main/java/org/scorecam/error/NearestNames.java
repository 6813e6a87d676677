package org.scorecam.error;

import static java.util.Comparator.comparingInt;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/** Finds what someone who mistyped a name may have meant. */
public final class NearestNames {
  private static final int OFFERED = 3;

  private NearestNames() {}

  /**
   * The names at the smallest edit distance from the wrong one; those that go on where it ends come
   * first, such as {@code mobilenet_v3_small} for {@code mobilenetv3}.
   *
   * @param wrong what was given
   * @param names what there is
   * @return up to three, best first
   */
  public static List<String> to(String wrong, Collection<String> names) {
    return nearestFirst(wrong, names).stream().limit(OFFERED).toList();
  }

  /**
   * All names, in the order of {@link #to}.
   *
   * @param wrong what was given
   * @param names what there is
   * @return as many, best first
   */
  public static List<String> nearestFirst(String wrong, Collection<String> names) {
    return names.stream()
        .sorted(
            comparingInt((String name) -> distanceFromBeginning(wrong, name))
                .thenComparing(name -> distances(wrong, name)[name.length()]))
        .toList();
  }

  /** From the nearest beginning of a name, which has all of a path but its last part's end. */
  private static int distanceFromBeginning(String wrong, String name) {
    int[] distances = distances(wrong, name);
    return Arrays.stream(distances, name.lastIndexOf('.') + 1, distances.length).min().orElse(0);
  }

  /** Levenshtein's distances of a from the beginnings of b, the empty one first. */
  private static int[] distances(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int substituted = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(substituted, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row;
  }
}
