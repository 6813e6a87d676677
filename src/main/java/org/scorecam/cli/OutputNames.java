package org.scorecam.cli;

import static java.util.stream.Collectors.groupingBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Names for one output each of several inputs: {@code out.png} becomes {@code out-cat.png} for the
 * picture {@code cat.jpg}. Where names are alike, the folders that tell them apart stand before
 * them, as in {@code out-train-cat.png}; where folders do not, a number stands behind.
 *
 * <p>Names that differ in upper and lower case alone count as alike, as they do on some systems.
 */
final class OutputNames {
  private final List<String> suffixes;

  private OutputNames(List<String> suffixes) {
    this.suffixes = suffixes;
  }

  /** For the one input there is: output files are named as they were asked for. */
  static OutputNames ofOne() {
    return new OutputNames(List.of(""));
  }

  /** For so many inputs without names: their numbers, from 0. */
  static OutputNames ofNumbered(int inputs) {
    return new OutputNames(IntStream.range(0, inputs).mapToObj(i -> "-" + i).toList());
  }

  /** For files. */
  static OutputNames of(List<Path> files) {
    List<Path> inputs = belowCommonFolder(files);
    int[] folders = new int[inputs.size()];
    List<String> names = namesOf(inputs, folders);
    while (addFolders(inputs, folders, names)) {
      names = namesOf(inputs, folders);
    }
    Set<String> taken = new HashSet<>();
    names.forEach(name -> taken.add(keyOf(name)));
    Set<String> used = new HashSet<>();
    List<String> suffixes = new ArrayList<>();
    for (String name : names) {
      String unique = name;
      for (int copy = 2; !used.add(keyOf(unique)); copy++) {
        String numbered = name + "-" + copy;
        unique = taken.contains(keyOf(numbered)) ? unique : numbered;
      }
      suffixes.add("-" + unique);
    }
    return new OutputNames(suffixes);
  }

  /** Takes one folder more for each of the inputs whose names are alike; false if none has one. */
  private static boolean addFolders(List<Path> inputs, int[] folders, List<String> names) {
    Map<String, List<Integer>> alike =
        IntStream.range(0, names.size()).boxed().collect(groupingBy(i -> keyOf(names.get(i))));
    boolean any = false;
    for (List<Integer> group : alike.values()) {
      boolean differ = group.stream().map(i -> inputs.get(i).getParent()).distinct().count() > 1;
      for (int i : group) {
        if (differ && folders[i] < inputs.get(i).getNameCount() - 1) {
          folders[i]++;
          any = true;
        }
      }
    }
    return any;
  }

  private static List<Path> belowCommonFolder(List<Path> files) {
    List<Path> whole = files.stream().map(file -> file.toAbsolutePath().normalize()).toList();
    Path common = whole.get(0).getParent();
    while (common != null && !isAbove(common, whole)) {
      common = common.getParent();
    }
    Path start = common;
    return start == null ? whole : whole.stream().map(start::relativize).toList();
  }

  private static boolean isAbove(Path folder, List<Path> files) {
    return files.stream().allMatch(file -> file.startsWith(folder));
  }

  private static List<String> namesOf(List<Path> inputs, int[] folders) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < inputs.size(); i++) {
      Path input = inputs.get(i);
      int count = input.getNameCount();
      List<String> parts = new ArrayList<>();
      for (Path part : input.subpath(count - 1 - folders[i], count)) {
        parts.add(part.toString());
      }
      parts.set(folders[i], splitAtEnding(parts.get(folders[i]))[0]);
      names.add(String.join("-", parts));
    }
    return names;
  }

  private static String keyOf(String name) {
    return name.toLowerCase(Locale.ROOT);
  }

  /** The output file of an input. */
  Path of(Path file, int input) {
    return of(file, input, "");
  }

  /** That of one of several results of an input, with an ending of the name for it. */
  Path of(Path file, int input, String result) {
    String[] parts = splitAtEnding(file.getFileName().toString());
    return file.resolveSibling(parts[0] + suffixes.get(input) + result + parts[1]);
  }

  private static String[] splitAtEnding(String name) {
    int dot = name.lastIndexOf('.');
    return dot <= 0
        ? new String[] {name, ""}
        : new String[] {name.substring(0, dot), name.substring(dot)};
  }
}
