package org.scorecam.pipeline;

import static java.util.stream.Collectors.joining;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

/**
 * What a flight recording shows of a pipeline. An event begins when it is made and is written by
 * {@link #commit}; where nothing records, both do nothing.
 */
@Category("Score-CAM")
@StackTrace(false)
abstract class PipelineStage extends Event {
  /** A picture's way to the network's input. */
  @Name("org.scorecam.Read")
  @Label("Read")
  @Description("Reads and preprocesses a picture.")
  static final class Read extends PipelineStage {
    @Label("Picture")
    final String picture;

    Read(String picture) {
      this.picture = picture;
      begin();
    }
  }

  /** A picture that is read before the run that asks for it. */
  @Name("org.scorecam.ReadAhead")
  @Label("Read ahead")
  @Description("Reads a picture while the network is being loaded.")
  static final class ReadAhead extends PipelineStage {
    @Label("Picture")
    final String picture;

    ReadAhead(String picture) {
      this.picture = picture;
      begin();
    }
  }

  /** Pictures that are scored together. */
  @Name("org.scorecam.Group")
  @Label("Group")
  @Description(
      "Explains pictures together: their Explanation lies within it, on its thread. After one that"
          + " fails each of them has a group of its own.")
  static final class Group extends PipelineStage {
    private static final AtomicLong GROUPS = new AtomicLong();

    @Label("Group")
    @Description("The process's groups are numbered.")
    long group;

    @Label("Number of pictures")
    final int count;

    @Label("Pictures")
    @Description("Their names, one a line.")
    String pictures;

    @Label("Waited")
    @Description("Since the one that waited longest was read.")
    @Timespan(Timespan.NANOSECONDS)
    long waited;

    Group(List<PipelineJob> jobs) {
      this.count = jobs.size();
      if (isEnabled()) {
        this.waited = jobs.stream().mapToLong(PipelineJob::nanosecondsReady).max().orElseThrow();
        this.group = GROUPS.incrementAndGet();
        this.pictures = jobs.stream().map(PipelineJob::name).collect(joining("\n"));
      }
      begin();
    }
  }
}
