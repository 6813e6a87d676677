package org.scorecam.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.AnyModule;
import org.bytedeco.pytorch.BatchNorm2dImpl;
import org.bytedeco.pytorch.BatchNormOptions;
import org.bytedeco.pytorch.Conv2dImpl;
import org.bytedeco.pytorch.Conv2dOptions;
import org.bytedeco.pytorch.LinearImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.ReLUImpl;
import org.bytedeco.pytorch.ReLUOptions;
import org.bytedeco.pytorch.SequentialImpl;
import org.bytedeco.pytorch.Tensor;

/** Small networks written in Java. */
public final class TestNetworks {
  /** Kept for good: the presets' {@code Sequential} does not keep what Java puts into it. */
  private static final List<Module> HELD = new ArrayList<>();

  private TestNetworks() {}

  private static <M extends Module> M held(M module) {
    HELD.add(module.<M>retainReference());
    return module;
  }

  /** A convolution that keeps the size. */
  public static Conv2dImpl conv(long in, long out) {
    Conv2dOptions options = new Conv2dOptions(in, out, new LongPointer(3, 3));
    options.padding().put(new LongPointer(1, 1));
    options.bias().put(false);
    return new Conv2dImpl(options);
  }

  public static BatchNorm2dImpl batchNorm(long channels) {
    return new BatchNorm2dImpl(new BatchNormOptions(channels));
  }

  public static ReLUImpl reluInPlace() {
    return new ReLUImpl(new ReLUOptions(true));
  }

  /** A C++ {@code Sequential}: 0 to 2. */
  public static SequentialImpl sequential() {
    SequentialImpl sequential = new SequentialImpl();
    sequential.push_back(held(conv(3, 8)));
    sequential.push_back(held(batchNorm(8)));
    sequential.push_back(held(reluInPlace()));
    return sequential;
  }

  /** A {@code Sequential} with names: first, second. */
  public static SequentialImpl namedSequential() {
    SequentialImpl sequential = new SequentialImpl();
    sequential.push_back("first", new AnyModule(held(new LinearImpl(3, 4))));
    sequential.push_back("second", new AnyModule(held(new LinearImpl(4, 2))));
    return sequential;
  }

  /** y = relu(bn2(conv2(relu(bn1(conv1(x))))) + x). */
  public static final class Block extends Network {
    private final Submodule conv1 = child("conv1", conv(8, 8));
    private final Submodule bn1 = child("bn1", batchNorm(8));
    private final Submodule relu = child("relu", reluInPlace());
    private final Submodule conv2 = child("conv2", conv(8, 8));
    private final Submodule bn2 = child("bn2", batchNorm(8));

    @Override
    public Tensor forward(Tensor x) {
      return relu.forward(sequence(x, conv1, bn1, relu, conv2, bn2).add_(x));
    }
  }

  /** A C++ {@code Sequential}, blocks in a row, and a linear layer: [N, 3, H, W] to [N, 5]. */
  public static final class Small extends Network {
    private final Submodule stem = child("stem", sequential());
    private final Submodule layer1 =
        child("layer1", new SequentialNetwork(new Block(), new Block()));
    private final Submodule fc = child("fc", new LinearImpl(8, 5));

    @Override
    public Tensor forward(Tensor x) {
      return fc.forward(layer1.forward(stem.forward(x)).mean(2, 3));
    }

    @Override
    public Optional<String> defaultLayer() {
      return Optional.of("layer1");
    }
  }

  /** Calls one block twice. */
  public static final class Reusing extends Network {
    private final Submodule stem = child("stem", conv(3, 8));
    private final Submodule block = child("block", new Block());
    private final Submodule unused = child("unused", new ReLUImpl());

    @Override
    public Tensor forward(Tensor x) {
      return block.forward(block.forward(stem.forward(x))).mean(2, 3);
    }

    Submodule unused() {
      return unused;
    }
  }

  /** Reads a convolution's output beside the batch norm after it, so that they cannot be one. */
  public static final class Tapped extends Network {
    private final Submodule conv = child("conv", conv(3, 8));
    private final Submodule bn = child("bn", batchNorm(8));

    @Override
    public Tensor forward(Tensor x) {
      Tensor convolved = conv.forward(x);
      return bn.forward(convolved).add(convolved).mean(2, 3);
    }
  }

  /** Notes the order of what it is told. */
  static final class Log {
    final List<String> entries = new ArrayList<>();

    ModulePreHook before(String name) {
      return (module, input) -> {
        entries.add(name);
        return null;
      };
    }

    ModuleHook after(String name) {
      return (module, input, output) -> {
        entries.add(name);
        return null;
      };
    }
  }
}
