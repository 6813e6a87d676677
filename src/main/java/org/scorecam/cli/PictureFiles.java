package org.scorecam.cli;

import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.scorecam.error.InputException;
import org.scorecam.file.FileErrors;

/**
 * The pictures that a word of the command line names: a file; the pictures in a folder, without
 * those in folders of that; or what a pattern matches, as shells read it, where the shell did not.
 *
 * <p>Of folders and patterns only files with a picture's ending count, and none that is hidden.
 */
final class PictureFiles {
  private static final Set<String> ENDINGS =
      Set.of("png", "jpg", "jpeg", "jpe", "jfif", "bmp", "gif", "tif", "tiff", "webp");

  private static final Pattern PATTERN_SIGN = Pattern.compile("[*?\\[{]");

  private PictureFiles() {}

  /**
   * Finds them.
   *
   * @return a file as it was named, whether it exists or not; those of folders and patterns sorted
   * @throws InputException if there are none in a folder or for a pattern
   */
  static List<Path> named(String word) {
    if (word.isBlank()) {
      throw new InputException("--image was given an empty name");
    }
    Path path = pathOf(word);
    if (path != null && Files.isDirectory(path)) {
      return inFolder(path);
    }
    boolean exists = path != null && Files.exists(path);
    if (!exists && PATTERN_SIGN.matcher(word).find()) {
      return matching(word);
    }
    if (path == null) {
      throw new InputException("'%s' is not a valid file name on this system".formatted(word));
    }
    return List.of(path);
  }

  /** Whether a word names any number of pictures. */
  static boolean areSeveral(String word) {
    Path path = pathOf(word);
    boolean exists = path != null && Files.exists(path);
    return exists ? Files.isDirectory(path) : PATTERN_SIGN.matcher(word).find();
  }

  private static Path pathOf(String word) {
    try {
      return Path.of(word);
    } catch (InvalidPathException e) {
      // On Windows, every pattern.
      return null;
    }
  }

  private static List<Path> inFolder(Path folder) {
    List<Path> found = filesBelow(folder, 1, file -> true);
    if (found.isEmpty()) {
      throw new InputException(
          "there are no pictures in the folder %s; to search its subfolders, write '%s'"
              .formatted(folder, folder.resolve("**").toString().replace('\\', '/')));
    }
    return found;
  }

  private static List<Path> matching(String word) {
    String[] parts = word.replace('\\', '/').split("/", -1);
    int plain = 0;
    while (!PATTERN_SIGN.matcher(parts[plain]).find()) {
      plain++;
    }
    String start = String.join("/", List.of(parts).subList(0, plain));
    Path folder = Path.of(plain > 0 && start.isEmpty() ? "/" : start);
    String rest = String.join("/", List.of(parts).subList(plain, parts.length));
    int depth = rest.contains("**") ? Integer.MAX_VALUE : parts.length - plain;
    try {
      PathMatcher deep = FileSystems.getDefault().getPathMatcher("glob:" + rest);
      // In Java's patterns **/ stands for one folder at least, in shells' for none as well.
      PathMatcher flat = FileSystems.getDefault().getPathMatcher("glob:" + rest.replace("**/", ""));
      List<Path> found =
          filesBelow(
              folder,
              depth,
              file -> {
                Path inside = folder.toString().isEmpty() ? file : folder.relativize(file);
                return deep.matches(inside) || flat.matches(inside);
              });
      if (found.isEmpty()) {
        throw new InputException("no picture matches '%s'".formatted(word));
      }
      return found;
    } catch (PatternSyntaxException e) {
      throw new InputException(
          "'%s' is not a pattern: brackets and braces must be closed".formatted(word), e);
    }
  }

  private static List<Path> filesBelow(Path folder, int depth, Predicate<Path> wanted) {
    List<Path> found = new ArrayList<>();
    SimpleFileVisitor<Path> visitor =
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile() && isPicture(file) && wanted.test(file)) {
              found.add(file);
            }
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            if (file.equals(folder)) {
              throw new InputException(
                  "the folder %s cannot be read: %s".formatted(folder, FileErrors.reasonOf(e)), e);
            }
            // A link to nowhere or back, or a folder that is closed to us.
            return FileVisitResult.CONTINUE;
          }
        };
    try {
      Files.walkFileTree(folder, EnumSet.of(FileVisitOption.FOLLOW_LINKS), depth, visitor);
    } catch (IOException e) {
      throw new InputException(
          "the folder %s cannot be read: %s".formatted(folder, FileErrors.reasonOf(e)), e);
    }
    Collections.sort(found);
    return found;
  }

  private static boolean isPicture(Path file) {
    String name = file.getFileName().toString();
    int dot = name.lastIndexOf('.');
    return dot > 0
        && !name.startsWith(".")
        && ENDINGS.contains(name.substring(dot + 1).toLowerCase(Locale.ROOT));
  }
}
