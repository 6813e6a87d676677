package org.scorecam.model;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * The rewritten functions of the watches that were used last; older ones are freed, since whoever
 * looks at every layer of a network in turn would otherwise keep a program for each.
 */
final class KeptCaptures implements AutoCloseable {
  /** Many times what one program watches, and a few megabytes. */
  static final int LIMIT = 16;

  private final Function<Watch, LayerCapture> maker;

  /** The one that was used longest ago comes first. */
  private final Map<Watch, Kept> kept = new LinkedHashMap<>(LIMIT, 0.75f, true);

  private static final class Kept {
    private final LayerCapture capture;
    private int users;

    Kept(LayerCapture capture) {
      this.capture = capture;
    }
  }

  KeptCaptures(Function<Watch, LayerCapture> maker) {
    this.maker = maker;
  }

  /** Uses the one for a watch; it is not freed meanwhile. */
  <T> T with(Watch watch, Function<LayerCapture, T> use) {
    Kept held = take(watch);
    try {
      return use.apply(held.capture);
    } finally {
      giveBack(held);
    }
  }

  private synchronized Kept take(Watch watch) {
    Kept held = kept.computeIfAbsent(watch, absent -> new Kept(maker.apply(absent)));
    held.users++;
    return held;
  }

  private synchronized void giveBack(Kept held) {
    held.users--;
    Iterator<Kept> oldest = kept.values().iterator();
    for (int surplus = kept.size() - LIMIT; surplus > 0 && oldest.hasNext(); ) {
      Kept candidate = oldest.next();
      if (candidate.users == 0) {
        oldest.remove();
        candidate.capture.close();
        surplus--;
      }
    }
  }

  synchronized int size() {
    return kept.size();
  }

  /** Frees all; nothing may be in use. */
  @Override
  public synchronized void close() {
    kept.values().forEach(held -> held.capture.close());
    kept.clear();
  }
}
