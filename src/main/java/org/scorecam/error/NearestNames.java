package org.scorecam.error;

import static java.util.Comparator.comparingInt;

import java.util.Collection;
import java.util.List;

/** Finds what someone who mistyped a name may have meant. */
public final class NearestNames {
  private static final int OFFERED = 3;

  private NearestNames() {}

  /**
   * The names at the smallest edit distance from the wrong one.
   *
   * @param wrong what was given
   * @param names what there is
   * @return up to three, best first
   */
  public static List<String> to(String wrong, Collection<String> names) {
    return nearestFirst(wrong, names).stream().limit(OFFERED).toList();
  }

  /**
   * All names, those at the smallest edit distance from the wrong one first.
   *
   * @param wrong what was given
   * @param names what there is
   * @return as many, best first
   */
  public static List<String> nearestFirst(String wrong, Collection<String> names) {
    return names.stream().sorted(comparingInt(name -> distance(wrong, name))).toList();
  }

  /** Levenshtein's distance, one row at a time. */
  private static int distance(String a, String b) {
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
    return row[b.length()];
  }
}
