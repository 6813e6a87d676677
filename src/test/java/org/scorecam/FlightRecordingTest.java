package org.scorecam;

import static java.util.stream.Collectors.groupingBy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;

/** What a flight recording shows of explanations. */
class FlightRecordingTest {
  private static final List<String> WITHIN =
      List.of("Capture", "Plan", "Masks", "Network", "Scores", "Combine");

  @TempDir Path folder;

  /** The events of a run by their names without the package. */
  private Map<String, List<RecordedEvent>> recorded(Runnable run) throws IOException {
    Path file = folder.resolve("run.jfr");
    try (Recording recording = new Recording()) {
      Stream.concat(Stream.of("Explanation"), WITHIN.stream())
          .forEach(name -> recording.enable("org.scorecam." + name));
      recording.start();
      run.run();
      recording.stop();
      recording.dump(file);
    }
    return RecordingFile.readAllEvents(file).stream()
        .filter(event -> event.getEventType().getName().startsWith("org.scorecam."))
        .collect(groupingBy(event -> event.getEventType().getName().replaceAll(".*\\.", "")));
  }

  @Test
  void anExplanationShowsItsStages() throws IOException {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam =
            ScoreCam.on(model)
                .layer("layer3")
                .channels(ChannelSelection.topMax(10))
                .batch(4)
                .build();
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Map<String, List<RecordedEvent>> events =
          recorded(() -> cam.explain(input, Target.ofClass(3)).close());

      RecordedEvent whole = only(events.get("Explanation"));
      assertEquals("layer3", whole.getString("layers"));
      assertEquals("tiskw", whole.getString("recipe"));
      assertEquals("cpu", whole.getString("device"));
      assertEquals("[1, 3, 64, 64]", whole.getString("shape"));
      assertEquals(10, whole.getLong("passes"));
      assertEquals(List.of("Score-CAM"), whole.getEventType().getCategoryNames());

      assertEquals(1, only(events.get("Capture")).getLong("inputs"));
      assertEquals("layer3", only(events.get("Capture")).getString("layers"));
      assertEquals(10, only(events.get("Plan")).getLong("passes"));
      // Ten passes in three chunks of four, the last padded; workers may be done in another order.
      assertEquals(List.of(4, 4, 2), ints(events.get("Masks"), "rows"));
      assertEquals(List.of(4, 4, 4), ints(events.get("Network"), "rows"));
      assertEquals(List.of(4, 4, 2), ints(events.get("Network"), "filled"));
      assertEquals(List.of(4, 4, 2), ints(events.get("Scores"), "rows"));
      RecordedEvent combine = only(events.get("Combine"));
      assertEquals("layer3", combine.getString("layer"));
      assertEquals(10, combine.getInt("passes"));
      assertTrue(combine.getLong("channels") >= 10, combine::toString);
    }
  }

  @Test
  void theStagesLieWithinTheWholeAndDoNotOverlap() throws IOException {
    try (HookedModel model = Goldens.model("tinyresnet_script.pt");
        ScoreCam cam = ScoreCam.on(model).layers("layer2", "layer3").build();
        Tensor inputs = Goldens.tensor("tinyresnet.batch.input.npy")) {
      List<Target> targets = List.of(Target.top1(), Target.top1(), Target.top1());
      Map<String, List<RecordedEvent>> events =
          recorded(() -> cam.explainBatch(inputs, targets).forEach(Saliency::close));

      RecordedEvent whole = only(events.get("Explanation"));
      assertEquals("layer2+layer3", whole.getString("layers"));
      assertEquals(6, events.get("Combine").size(), "one for each input and layer");
      assertEquals(
          whole.getLong("passes"),
          ints(events.get("Network"), "filled").stream().mapToLong(Integer::longValue).sum());

      Instant last = whole.getStartTime();
      Duration sum = Duration.ZERO;
      List<RecordedEvent> stages =
          WITHIN.stream()
              .flatMap(name -> events.get(name).stream())
              .sorted((a, b) -> a.getStartTime().compareTo(b.getStartTime()))
              .toList();
      for (RecordedEvent stage : stages) {
        assertTrue(!stage.getStartTime().isBefore(last), () -> "overlaps: " + stage);
        last = stage.getEndTime();
        sum = sum.plus(stage.getDuration());
      }
      assertTrue(!last.isAfter(whole.getEndTime()), "a stage ends after the whole");
      assertTrue(!sum.isZero() && sum.compareTo(whole.getDuration()) <= 0, sum::toString);
    }
  }

  private static RecordedEvent only(List<RecordedEvent> events) {
    assertEquals(1, events.size());
    return events.get(0);
  }

  private static List<Integer> ints(List<RecordedEvent> events, String field) {
    return events.stream()
        .map(event -> event.getInt(field))
        .sorted(Comparator.reverseOrder())
        .toList();
  }
}
