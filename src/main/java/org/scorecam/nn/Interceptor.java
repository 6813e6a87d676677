package org.scorecam.nn;

import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/**
 * Stands in for every module's forward on one thread, for as long as one computation runs.
 * Registered hooks do not fire meanwhile: what happens is the interceptor's alone.
 */
@FunctionalInterface
public interface Interceptor {
  /**
   * Called in place of a module's forward.
   *
   * @param module that is called
   * @param input of the module
   * @param forward the module's own computation
   * @return the module's output
   */
  Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward);

  /**
   * Runs a computation with this interceptor on the current thread.
   *
   * @param computation calls modules
   * @param <T> what it returns
   * @return what it returned
   */
  default <T> T during(Supplier<T> computation) {
    Interceptor outer = Current.PER_THREAD.get();
    Current.PER_THREAD.set(this);
    try {
      return computation.get();
    } finally {
      Current.PER_THREAD.set(outer);
    }
  }

  /** Which interceptor a thread has. */
  final class Current {
    private static final ThreadLocal<Interceptor> PER_THREAD = new ThreadLocal<>();

    private Current() {}

    /**
     * The current thread's.
     *
     * @return null where modules are called as they are
     */
    public static Interceptor get() {
      return PER_THREAD.get();
    }
  }
}
