package org.scorecam.runtime;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;

/**
 * The life of native temporaries: every LibTorch object that this thread makes while a scope is
 * open is freed when it closes, and no gradient is recorded.
 *
 * <pre>{@code
 * try (NativeScope scope = NativeScope.open()) {
 *   Tensor sum = a.add(b);          // freed with the scope
 *   return scope.keep(sum.relu());  // owned by the caller
 * }
 * }</pre>
 *
 * <p>Scopes nest; one belongs to the thread that opened it.
 */
public final class NativeScope implements AutoCloseable {
  private final PointerScope pointers;
  private final NoGradGuard noGradients;

  private NativeScope() {
    pointers = new PointerScope();
    noGradients = new NoGradGuard();
    // Freed by close() itself, before the pointers, so that guards end in the reverse order of
    // their making.
    pointers.detach(noGradients.retainReference());
  }

  /**
   * Opens a scope on this thread, loading LibTorch if nothing has yet.
   *
   * @return the scope, to be closed by this thread
   */
  public static NativeScope open() {
    LibTorch.load();
    return new NativeScope();
  }

  /**
   * Takes an object out of the scope.
   *
   * @param made an object made while this was the innermost scope
   * @param <P> its type
   * @return the same object, which the caller now owns and closes
   */
  public <P extends Pointer> P keep(P made) {
    return made.retainReference();
  }

  @Override
  public void close() {
    noGradients.close();
    pointers.close();
  }
}
