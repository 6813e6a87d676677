package org.scorecam.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.global.torch;

/**
 * What LibTorch and its BLAS read at each call, for the whole process: borrowed by the first who
 * works, and given back by the last.
 */
final class ProcessValues {
  private static final System.Logger LOG = System.getLogger(ProcessValues.class.getName());

  private record Value<T>(Borrowed<T> borrowed, UnaryOperator<T> ours) {
    void take() {
      borrowed.take(ours);
    }
  }

  private final List<Value<?>> values = new ArrayList<>();
  private final Borrowed<TensorFloat32.Convolutions> convolutions;
  private final Borrowed<TensorFloat32.Products> products;

  /** The works, where native code can still read them when no Java runs any more. */
  private final LongBuffer working =
      ByteBuffer.allocateDirect(Long.BYTES).order(ByteOrder.nativeOrder()).asLongBuffer();

  private int allowing;

  ProcessValues(LibTorchSettings settings, ThreadCounts threads) {
    Context context = torch.globalContext();
    convolutions =
        new Borrowed<>(
            () -> TensorFloat32.Convolutions.read(context), value -> value.write(context));
    products =
        new Borrowed<>(() -> TensorFloat32.Products.read(context), value -> value.write(context));
    values.add(new Value<>(convolutions, theirs -> theirs.allowing(false)));
    values.add(new Value<>(products, theirs -> theirs.allowing(false)));
    int blas = settings.threadsOf(LibTorchSettings.OPENBLAS_THREADS);
    if (blas > 0 && threads.hasOpenBlas()) {
      values.add(
          new Value<>(new Borrowed<>(threads::ofOpenBlas, threads::setOfOpenBlas), theirs -> blas));
    }
    if (!settings.isOn(LibTorchSettings.NNPACK)) {
      values.add(
          new Value<>(
              new Borrowed<>(context::userEnabledNNPACK, context::setUserEnabledNNPACK),
              theirs -> false));
    }
    if (settings.isOn(LibTorchSettings.CUDNN_BENCHMARK)) {
      values.add(
          new Value<>(
              new Borrowed<>(context::benchmarkCuDNN, context::setBenchmarkCuDNN), theirs -> true));
    }
  }

  /** How many works are in progress; its only value. */
  LongBuffer working() {
    return working;
  }

  /** Begins a work; if this throws, nothing was changed. */
  synchronized void enter() {
    if (working.get(0) == 0) {
      int taken = 0;
      try {
        for (Value<?> value : values) {
          value.take();
          taken++;
        }
      } catch (RuntimeException | Error e) {
        giveBack(taken);
        throw e;
      }
    }
    working.put(0, working.get(0) + 1);
  }

  /** Ends a work. */
  synchronized void leave() {
    working.put(0, working.get(0) - 1);
    if (working.get(0) == 0) {
      giveBack(values.size());
    }
  }

  private void giveBack(int taken) {
    for (Value<?> value : values.subList(0, taken)) {
      try {
        value.borrowed.giveBack();
      } catch (RuntimeException e) {
        // The others must be given back all the same.
        LOG.log(System.Logger.Level.WARNING, "a setting of LibTorch's was not given back", e);
      }
    }
  }

  /** Allows TF32 until {@link #forbidTensorFloat32} was called as often; only within a work. */
  synchronized void allowTensorFloat32() {
    if (allowing == 0) {
      setTensorFloat32(true);
    }
    allowing++;
  }

  synchronized void forbidTensorFloat32() {
    allowing--;
    if (allowing == 0) {
      setTensorFloat32(false);
    }
  }

  private void setTensorFloat32(boolean allowed) {
    convolutions.change(theirs -> theirs.allowing(allowed));
    products.change(theirs -> theirs.allowing(allowed));
  }
}
