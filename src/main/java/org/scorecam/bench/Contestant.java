package org.scorecam.bench;

/** Something that is timed in turns with others. */
public interface Contestant extends AutoCloseable {
  /**
   * What it is called in the report.
   *
   * @return a few words
   */
  String name();

  /**
   * Does its work once. It measures its own time, since it knows best what belongs to it.
   *
   * @return how long it took
   */
  Lap run();

  @Override
  void close();
}
