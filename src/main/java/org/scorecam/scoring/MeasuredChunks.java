package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.scorecam.scoring.ChunkPlan.Probe;

/**
 * What was measured of chunks, which can be written and read.
 *
 * @param chunks ascending by their rows
 * @param settled whether larger ones are no longer faster
 * @param fasterTogether whether all threads were faster on one chunk after the other than workers
 *     with one each
 */
record MeasuredChunks(List<Trial> chunks, boolean settled, boolean fasterTogether) {
  private static final String SETTLED = "; larger ones are not faster";
  private static final String TOGETHER = "; all threads together";
  private static final Pattern TRIAL =
      Pattern.compile(
          "(\\d{1,9}) rows of (\\d{1,12}) pixels: (\\d{1,9}\\.\\d{1,17}(?:E-?\\d)?) ms, (\\d{1,15}) bytes");

  /**
   * A chunk that was run.
   *
   * @param rows of it
   * @param pixels of a row
   * @param millisPerRow the network's time
   * @param bytes that it took with its activations
   */
  record Trial(long rows, long pixels, double millisPerRow, long bytes) {
    Probe probe() {
      return new Probe(rows, millisPerRow, bytes);
    }

    @Override
    public String toString() {
      return rows + " rows of " + pixels + " pixels: " + millisPerRow + " ms, " + bytes + " bytes";
    }
  }

  /** What {@link #toString} wrote; nothing if that is anything else. */
  static Optional<MeasuredChunks> parse(String text) {
    boolean together = text.endsWith(TOGETHER);
    String rest = withoutEnd(text, together ? TOGETHER : "");
    boolean settled = rest.endsWith(SETTLED);
    List<Trial> chunks = new ArrayList<>();
    for (String written : withoutEnd(rest, settled ? SETTLED : "").split("; ", -1)) {
      Matcher one = TRIAL.matcher(written);
      if (!one.matches()) {
        return Optional.empty();
      }
      Trial chunk =
          new Trial(
              Long.parseLong(one.group(1)),
              Long.parseLong(one.group(2)),
              Double.parseDouble(one.group(3)),
              Long.parseLong(one.group(4)));
      long before = chunks.isEmpty() ? 0 : chunks.get(chunks.size() - 1).rows;
      if (chunk.rows <= before || chunk.pixels == 0 || chunk.millisPerRow == 0) {
        return Optional.empty();
      }
      chunks.add(chunk);
    }
    return Optional.of(new MeasuredChunks(chunks, settled, together));
  }

  private static String withoutEnd(String text, String end) {
    return text.substring(0, text.length() - end.length());
  }

  @Override
  public String toString() {
    String each = String.join("; ", chunks.stream().map(Trial::toString).toList());
    return each + (settled ? SETTLED : "") + (fasterTogether ? TOGETHER : "");
  }
}
