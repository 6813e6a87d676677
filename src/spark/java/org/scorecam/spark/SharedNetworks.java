package org.scorecam.spark;

import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.scorecam.ScoreCam;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.Device;

/**
 * The networks of this process, which tasks share: each is loaded when the first task needs it, and
 * closed when no task has needed it for a minute.
 */
final class SharedNetworks {
  private static final long IDLE_SECONDS = 60;

  /** Under the lock of the class. */
  private static final Map<Key, Shared> OPEN = new HashMap<>();

  private static long loaded;

  private SharedNetworks() {}

  /** What networks are told apart by. */
  record Key(NetworkSettings settings, Device device, TaskShare share) {}

  private static final class Shared {
    final HookedModel model;
    final ScoreCam explainer;
    int users;

    /** Tells a new idle time from one that was broken. */
    long borrowed;

    Shared(Key key, HookedModel model) {
      this.model = model;
      this.explainer = key.settings().explainer(model, key.share());
    }

    void close() {
      explainer.close();
      model.close();
    }
  }

  /** A network on loan, which is closed to give it back. */
  static final class Loan implements AutoCloseable {
    private final Key key;
    private Shared shared;

    private Loan(Key key, Shared shared) {
      this.key = key;
      this.shared = shared;
    }

    /** Its explainer, until this is closed. */
    ScoreCam explainer() {
      return shared.explainer;
    }

    @Override
    public void close() {
      if (shared != null) {
        giveBack(key, shared);
        shared = null;
      }
    }
  }

  /**
   * Lends a network. Others who want one wait while it is loaded.
   *
   * @param loading loads it, on the key's device
   */
  static synchronized Loan borrow(Key key, Supplier<HookedModel> loading) {
    Shared shared = OPEN.get(key);
    if (shared == null) {
      HookedModel model = loading.get();
      try {
        shared = new Shared(key, model);
      } catch (RuntimeException | Error e) {
        model.close();
        throw e;
      }
      loaded++;
      OPEN.put(key, shared);
    }
    shared.users++;
    shared.borrowed++;
    return new Loan(key, shared);
  }

  private static synchronized void giveBack(Key key, Shared shared) {
    shared.users--;
    if (shared.users == 0) {
      long last = shared.borrowed;
      CompletableFuture.delayedExecutor(IDLE_SECONDS, TimeUnit.SECONDS)
          .execute(() -> closeIfUnused(key, shared, last));
    }
  }

  private static synchronized void closeIfUnused(Key key, Shared shared, long last) {
    if (shared.borrowed == last && OPEN.remove(key, shared)) {
      shared.close();
    }
  }

  /** Closes those that no task has. */
  static synchronized void closeUnused() {
    OPEN.values().stream().filter(shared -> shared.users == 0).forEach(Shared::close);
    OPEN.values().removeIf(shared -> shared.users == 0);
  }

  /** How many there are. */
  static synchronized int open() {
    return OPEN.size();
  }

  /** How many were loaded since the process started. */
  static synchronized long loaded() {
    return loaded;
  }
}
