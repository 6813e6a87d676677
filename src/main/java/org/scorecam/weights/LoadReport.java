package org.scorecam.weights;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What became of each tensor when weights were loaded into a network.
 *
 * @param origin where in the file the weights were, and what was done to names and values
 * @param loaded names of parameters and buffers that now have the file's values
 * @param missing those of the network that the file lacks, and what they are; they keep their
 *     values
 * @param unexpected those of the file that the network lacks, and what they are
 * @param unfit those of both whose shapes differ, or of which one is an integer and the other not;
 *     they keep their values
 * @param notFinite names of loaded ones that have a NaN or an infinity
 */
public record LoadReport(
    Origin origin,
    List<String> loaded,
    Map<String, TensorInfo> missing,
    Map<String, TensorInfo> unexpected,
    Map<String, Difference> unfit,
    List<String> notFinite) {
  private static final int MAX_NAMES = 8;
  private static final int MAX_NAME = 200;

  /**
   * Where in a file the weights were, and what was done to them on the way.
   *
   * @param key the key of the file's dict that they were under; empty if they are the whole file
   * @param prefix what all names began with in the file, and not in the network, such as {@code
   *     module.}; it was dropped
   * @param wrappers names of PyTorch's wrappers, such as {@code _orig_mod}, that the names in the
   *     file have and those in the network lack; they were dropped too
   * @param leftOut names of tensors without that prefix; they are not the network's
   * @param conversions the dtypes in the file and in the network, where they differ
   */
  public record Origin(
      String key,
      String prefix,
      List<String> wrappers,
      List<String> leftOut,
      Map<DType, DType> conversions) {
    /** The whole file, as it is. */
    static final Origin PLAIN = new Origin("", "", List.of(), List.of(), Map.of());

    /**
     * Copies lists and map.
     *
     * @param key see the record
     * @param prefix see the record
     * @param wrappers see the record
     * @param leftOut see the record
     * @param conversions see the record
     */
    public Origin {
      wrappers = List.copyOf(wrappers);
      leftOut = List.copyOf(leftOut);
      conversions = Collections.unmodifiableMap(new LinkedHashMap<>(conversions));
    }

    /**
     * Whether the weights are the whole file, and neither names nor values were changed.
     *
     * @return true if there is nothing to tell
     */
    public boolean isPlain() {
      return equals(PLAIN);
    }

    /**
     * What was done.
     *
     * @return such as {@code found under 'net'; prefix 'module.' dropped; float16 converted to
     *     float32}; {@code taken as they are} if nothing was
     */
    @Override
    public String toString() {
      List<String> parts = new ArrayList<>();
      if (!key.isEmpty()) {
        parts.add("found under '" + Printable.of(key, MAX_NAME) + "'");
      }
      if (!wrappers.isEmpty()) {
        parts.add(
            (wrappers.size() == 1 ? "wrapper " : "wrappers ")
                + NameList.of(wrappers)
                + " dropped from the names");
      }
      if (!prefix.isEmpty()) {
        parts.add("prefix '" + Printable.of(prefix, MAX_NAME) + "' dropped");
      }
      if (!leftOut.isEmpty()) {
        parts.add(leftOut.size() + " without the prefix left out: " + NameList.of(leftOut));
      }
      conversions.forEach((from, to) -> parts.add(from + " converted to " + to));
      return parts.isEmpty() ? "taken as they are" : String.join("; ", parts);
    }
  }

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
   * @param origin see the record
   * @param loaded see the record
   * @param missing see the record
   * @param unexpected see the record
   * @param unfit see the record
   * @param notFinite see the record
   */
  public LoadReport {
    Objects.requireNonNull(origin, "origin");
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
   * What was loaded, what was done to it, and what is wrong.
   *
   * @return such as {@code 62 tensors, found under 'net'; everything fits}
   */
  public String summary() {
    return loaded.size() + (loaded.size() == 1 ? " tensor, " : " tensors, ") + origin + "; " + this;
  }

  /**
   * What is wrong, with names, dtypes and shapes.
   *
   * @return up to 8 names of each kind; {@code everything fits} if nothing is
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
