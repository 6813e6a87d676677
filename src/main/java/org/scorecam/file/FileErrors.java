package org.scorecam.file;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** Says in words what the file system only says by the class of its exception. */
public final class FileErrors {
  private FileErrors() {}

  /**
   * Why reading or writing failed.
   *
   * @param thrown what the file system threw, whose message is often no more than a path
   * @return the reason in a few words, without the path
   */
  public static String reasonOf(IOException thrown) {
    if (thrown instanceof NoSuchFileException) {
      return "no such file or folder";
    }
    if (thrown instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (thrown instanceof CharacterCodingException) {
      return "not text in UTF-8";
    }
    if (thrown instanceof NotDirectoryException) {
      return "not a folder";
    }
    String words =
        thrown instanceof FileSystemException failure ? failure.getReason() : thrown.getMessage();
    return words == null || words.isBlank() ? thrown.getClass().getSimpleName() : words;
  }
}
