package org.scorecam.weights;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What became of each tensor when weights were loaded into a network.
 *
 * @param loaded names of parameters and buffers that now have the file's values
 * @param missing those of the network that the file lacks, and what they are; they keep their
 *     values
 * @param unexpected those of the file that the network lacks, and what they are
 * @param unfit those of both whose shapes differ, or whose dtype in the file the network's cannot
 *     hold without loss; they keep their values
 * @param notFinite names of loaded ones that have a NaN or an infinity
 */
public record LoadReport(
    List<String> loaded,
    Map<String, TensorInfo> missing,
    Map<String, TensorInfo> unexpected,
    Map<String, Difference> unfit,
    List<String> notFinite) {
  private static final int MAX_NAMES = 50;
  private static final int MAX_NAME = 200;

  /**
   * A tensor that is one thing in the file and another in the network.
   *
   * @param file what it is in the file
   * @param network what it is in the network
   */
  public record Difference(TensorInfo file, TensorInfo network) {
    /**
     * Both sides.
     *
     * @return such as {@code float32 [10] in the file, float32 [1000] in the network}
     */
    @Override
    public String toString() {
      return file + " in the file, " + network + " in the network";
    }
  }

  /**
   * Copies lists and maps, keeping their order.
   *
   * @param loaded see the record
   * @param missing see the record
   * @param unexpected see the record
   * @param unfit see the record
   * @param notFinite see the record
   */
  public LoadReport {
    loaded = List.copyOf(loaded);
    missing = Collections.unmodifiableMap(new LinkedHashMap<>(missing));
    unexpected = Collections.unmodifiableMap(new LinkedHashMap<>(unexpected));
    unfit = Collections.unmodifiableMap(new LinkedHashMap<>(unfit));
    notFinite = List.copyOf(notFinite);
  }

  /**
   * Whether network and file have the same names and shapes.
   *
   * @return true if nothing is missing, unexpected or unfit
   */
  public boolean isComplete() {
    return missing.isEmpty() && unexpected.isEmpty() && unfit.isEmpty();
  }

  /**
   * What is wrong, with names, dtypes and shapes.
   *
   * @return up to 50 names of each kind; {@code everything fits} if nothing is
   */
  @Override
  public String toString() {
    List<String> parts = new ArrayList<>();
    describe(parts, "missing in the file", missing);
    describe(parts, "unexpected in the file", unexpected);
    describe(parts, "of another shape or dtype", unfit);
    if (!notFinite.isEmpty()) {
      parts.add(
          notFinite.size()
              + " with NaN or infinity: "
              + join(notFinite.stream(), notFinite.size()));
    }
    return parts.isEmpty() ? "everything fits" : String.join("; ", parts);
  }

  private static void describe(List<String> parts, String what, Map<String, ?> tensors) {
    if (!tensors.isEmpty()) {
      Stream<String> names =
          tensors.entrySet().stream()
              .map(entry -> Printable.of(entry.getKey(), MAX_NAME) + " (" + entry.getValue() + ")");
      parts.add(tensors.size() + " " + what + ": " + join(names, tensors.size()));
    }
  }

  private static String join(Stream<String> names, int count) {
    String first = String.join(", ", names.limit(MAX_NAMES).toList());
    return count > MAX_NAMES ? first + " and " + (count - MAX_NAMES) + " more" : first;
  }
}
