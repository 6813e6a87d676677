package org.scorecam.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.scorecam.error.OutputException;
import org.scorecam.file.FileErrors;

/**
 * Where the time of explanations went, by the events of a flight recording.
 *
 * @param seconds of each stage by its name, and of the rest
 * @param whole seconds of everything
 * @param chunks rows of each chunk that the network ran
 */
public record StageTimes(Map<String, Double> seconds, double whole, List<Integer> chunks) {
  private static final String EVENTS = "org.scorecam.";
  private static final String WHOLE = "Explanation";
  private static final String NETWORK = "Network";
  private static final String REST = "rest";
  private static final double NANOSECONDS = 1e9;

  /** The stages' names to those of their events. */
  private static final Map<String, String> STAGES = new LinkedHashMap<>();

  static {
    STAGES.put("capture", "Capture");
    STAGES.put("plan", "Plan");
    STAGES.put("masks", "Masks");
    STAGES.put("network", NETWORK);
    STAGES.put("scores", "Scores");
    STAGES.put("combine", "Combine");
  }

  /**
   * Copies the parts.
   *
   * @param seconds of each stage by its name, and of the rest
   * @param whole seconds of everything
   * @param chunks rows of each chunk that the network ran
   */
  public StageTimes {
    seconds = Collections.unmodifiableMap(new LinkedHashMap<>(seconds));
    chunks = List.copyOf(chunks);
  }

  /**
   * The stages in the order of the work, and "rest".
   *
   * @return their names
   */
  public static List<String> names() {
    List<String> names = new ArrayList<>(STAGES.keySet());
    names.add(REST);
    return names;
  }

  /**
   * Records while something runs. Starting and stopping take some milliseconds, outside of what
   * runs; the events themselves, a few dozen, take microseconds.
   *
   * @param run explains once or several times, on this thread
   * @return the times
   * @throws OutputException if the recording cannot be written to a temporary file
   */
  public static StageTimes during(Runnable run) {
    try (Recording recording = new Recording()) {
      recording.enable(EVENTS + WHOLE);
      STAGES.values().forEach(event -> recording.enable(EVENTS + event));
      recording.start();
      run.run();
      recording.stop();
      Path file = Files.createTempFile("scorecam-stages", ".jfr");
      try {
        recording.dump(file);
        return of(RecordingFile.readAllEvents(file));
      } finally {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new OutputException(
          "the flight recording cannot be stored: " + FileErrors.reasonOf(e), e);
    }
  }

  private static StageTimes of(List<RecordedEvent> events) {
    Map<String, Double> seconds = new LinkedHashMap<>();
    STAGES.forEach((stage, event) -> seconds.put(stage, sumPerThread(events, event)));
    double whole = sum(events, WHOLE);
    double known = seconds.values().stream().mapToDouble(Double::doubleValue).sum();
    seconds.put(REST, whole - known);
    List<Integer> chunks =
        events.stream()
            .filter(event -> isA(event, NETWORK))
            .map(event -> event.getInt("rows"))
            .toList();
    return new StageTimes(seconds, whole, chunks);
  }

  /** Of a stage that several threads are at beside each other, what each took in the mean. */
  private static double sumPerThread(List<RecordedEvent> events, String name) {
    long threads =
        events.stream()
            .filter(event -> isA(event, name))
            .map(event -> event.getThread().getJavaThreadId())
            .distinct()
            .count();
    return sum(events, name) / Math.max(1, threads);
  }

  private static double sum(List<RecordedEvent> events, String name) {
    return events.stream()
            .filter(event -> isA(event, name))
            .map(RecordedEvent::getDuration)
            .mapToDouble(Duration::toNanos)
            .sum()
        / NANOSECONDS;
  }

  private static boolean isA(RecordedEvent event, String name) {
    return event.getEventType().getName().equals(EVENTS + name);
  }
}
