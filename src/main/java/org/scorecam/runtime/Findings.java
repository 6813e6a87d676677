package org.scorecam.runtime;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.OutputException;
import org.scorecam.file.AtomicFile;

/**
 * What trials found out about a network on this machine, kept in a folder from one process to the
 * next: short answers to questions such as which way to run it is the fastest. A program that is
 * started for each picture would otherwise try for longer than it explains.
 *
 * <p>Off unless the system property {@value #FOLDER} or {@link #keepIn} names a folder. There is a
 * file for each network, told apart by its modules and the shapes of its parameters, and for each
 * processor and version of scorecam and LibTorch. Losing a file costs time, never a result, since
 * who asks checks the answer as far as results depend on it: one that cannot be read or written, or
 * is older than {@link #LONGEST}, is as if it were not there. Files are replaced whole, so that
 * processes may share the folder; of two that write at once, one's answer is lost.
 *
 * <p>Safe for several threads.
 */
public final class Findings {
  /** System property: the folder; {@code off} for none. */
  public static final String FOLDER = "scorecam.findings";

  /** After so long everything is tried again, since the machine may have been busy then. */
  public static final Duration LONGEST = Duration.ofDays(30);

  /** Many times what is ever written. */
  private static final long MOST_BYTES = 1 << 20;

  /** What a file starts with, so that its own text tells what it belongs to. */
  private static final String SUBJECT = "subject";

  private static final System.Logger LOG = System.getLogger(Findings.class.getName());
  private static final Findings NONE = new Findings(null, "");

  /** Null before the program has said anything. */
  private static volatile Optional<Path> chosenFolder;

  /** Null where nothing is kept. */
  private final Path file;

  private final String subject;

  private Findings(Path file, String subject) {
    this.file = file;
    this.subject = subject;
  }

  /**
   * Names the folder for networks that this process explains from now on, unless {@value #FOLDER}
   * names another.
   *
   * @param folder made when something is first written; with nothing, nothing is read or written,
   *     whatever the property says
   */
  public static void keepIn(Optional<Path> folder) {
    chosenFolder = requireNonNull(folder, "folder");
  }

  /**
   * The folder that programs of this user share: {@code scorecam} in {@code $XDG_CACHE_HOME}, or
   * else in {@code ~/.cache}.
   *
   * @return nothing where the user has no home
   */
  public static Optional<Path> usualFolder() {
    String caches = System.getenv("XDG_CACHE_HOME");
    if (caches != null && Path.of(caches).isAbsolute()) {
      return Optional.of(Path.of(caches, "scorecam"));
    }
    Path home = Path.of(System.getProperty("user.home", ""));
    return home.isAbsolute() && Files.isDirectory(home)
        ? Optional.of(home.resolve(".cache").resolve("scorecam"))
        : Optional.empty();
  }

  /**
   * Without any answer, and forgets what it is told.
   *
   * @return always the same
   */
  public static Findings none() {
    return NONE;
  }

  /**
   * Those of a network on the CPU.
   *
   * @param network tells it apart from others, such as by its modules and shapes
   * @return {@link #none} if nothing is kept
   */
  public static Findings of(Supplier<String> network) {
    Optional<Path> folder = folder();
    if (folder.isEmpty()) {
      return NONE;
    }
    String subject =
        digestOf(
            String.join(
                "\n",
                Diagnostics.versionOf("org.scorecam", "scorecam"),
                Diagnostics.versionOf("org.bytedeco", "pytorch"),
                torch.get_cpu_capability().getString(),
                processor(),
                network.get()));
    return new Findings(folder.get().resolve(subject + ".properties"), subject);
  }

  private static Optional<Path> folder() {
    Optional<Path> chosen = chosenFolder;
    String property = System.getProperty(FOLDER);
    if (property == null || (chosen != null && chosen.isEmpty())) {
      return chosen == null ? Optional.empty() : chosen;
    }
    return property.equals("off") ? Optional.empty() : Optional.of(Path.of(property));
  }

  /** As the system names it; its features decide as much as its name, and come with it. */
  private static String processor() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
      return Runtime.getRuntime().availableProcessors()
          + lines
              .filter(line -> line.startsWith("model name") || line.startsWith("flags"))
              .limit(2)
              .reduce("", String::concat);
    } catch (IOException | RuntimeException e) {
      return System.getProperty("os.name") + System.getProperty("os.arch");
    }
  }

  private static String digestOf(String text) {
    try {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  /**
   * What was answered.
   *
   * @param question as it was told
   * @return nothing if it was never told, or is lost
   */
  public Optional<String> answerTo(String question) {
    return file == null ? Optional.empty() : Optional.ofNullable(read().getProperty(question));
  }

  /**
   * Keeps an answer, if that is possible.
   *
   * @param question any text
   * @param answer any text
   */
  public void tell(String question, String answer) {
    if (file == null) {
      return;
    }
    synchronized (Findings.class) {
      Properties answers = read();
      if (answer.equals(answers.setProperty(question, answer))) {
        return;
      }
      answers.setProperty(SUBJECT, subject);
      try {
        StringWriter text = new StringWriter();
        answers.store(text, "What scorecam found out by trials; may be deleted");
        Files.createDirectories(file.getParent());
        AtomicFile.write(file, out -> out.write(text.toString().getBytes(UTF_8)));
      } catch (IOException | OutputException e) {
        LOG.log(System.Logger.Level.DEBUG, "what was found out cannot be kept", e);
      }
    }
  }

  private Properties read() {
    Properties answers = new Properties();
    try {
      Instant written = Files.getLastModifiedTime(file).toInstant();
      boolean usable =
          Files.isRegularFile(file)
              && Files.size(file) <= MOST_BYTES
              && written.isAfter(Instant.now().minus(LONGEST));
      if (usable) {
        answers.load(new StringReader(Files.readString(file)));
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.log(System.Logger.Level.DEBUG, "what was found out before cannot be read", e);
      answers.clear();
    }
    return subject.equals(answers.getProperty(SUBJECT)) ? answers : new Properties();
  }
}
