package org.scorecam.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.scorecam.error.InputException;
import org.scorecam.file.FileErrors;

/** Names of classes: one a line, the first for class 0. */
record Labels(List<String> names) {
  static final Labels NONE = new Labels(List.of());

  static Labels read(Path file) {
    try {
      return new Labels(Files.readAllLines(file));
    } catch (IOException e) {
      throw new InputException(
          "the label file %s cannot be read: %s".formatted(file, FileErrors.reasonOf(e)), e);
    }
  }

  /** The class's name; null where it has none. */
  String of(OptionalLong classIndex) {
    boolean named = classIndex.isPresent() && classIndex.getAsLong() < names.size();
    return named ? names.get((int) classIndex.getAsLong()).strip() : null;
  }
}
