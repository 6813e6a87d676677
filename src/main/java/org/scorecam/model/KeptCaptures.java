package org.scorecam.model;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What captures for the watches that were used last; older ones are freed, since whoever looks at
 * every layer of a network in turn would otherwise keep a program for each.
 *
 * @param <C> captures the layers of one watch
 */
final class KeptCaptures<C> implements AutoCloseable {
  /** Many times what one program watches, and a few megabytes. */
  static final int LIMIT = 16;

  private final Function<Watch, C> maker;
  private final Consumer<C> closer;

  /** The one that was used longest ago comes first. */
  private final Map<Watch, Kept<C>> kept = new LinkedHashMap<>(LIMIT, 0.75f, true);

  private static final class Kept<C> {
    private final C capture;
    private int users;

    Kept(C capture) {
      this.capture = capture;
    }
  }

  KeptCaptures(Function<Watch, C> maker, Consumer<C> closer) {
    this.maker = maker;
    this.closer = closer;
  }

  /** Uses the one for a watch; it is not freed meanwhile. */
  <T> T with(Watch watch, Function<C, T> use) {
    Kept<C> held = take(watch);
    try {
      return use.apply(held.capture);
    } finally {
      giveBack(held);
    }
  }

  private synchronized Kept<C> take(Watch watch) {
    Kept<C> held = kept.computeIfAbsent(watch, absent -> new Kept<>(maker.apply(absent)));
    held.users++;
    return held;
  }

  private synchronized void giveBack(Kept<C> held) {
    held.users--;
    Iterator<Kept<C>> oldest = kept.values().iterator();
    for (int surplus = kept.size() - LIMIT; surplus > 0 && oldest.hasNext(); ) {
      Kept<C> candidate = oldest.next();
      if (candidate.users == 0) {
        oldest.remove();
        closer.accept(candidate.capture);
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
    kept.values().forEach(held -> closer.accept(held.capture));
    kept.clear();
  }
}
