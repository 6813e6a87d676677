package org.scorecam.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.LayerException;
import org.scorecam.nn.Interceptor;
import org.scorecam.nn.Network;
import org.scorecam.nn.Submodule;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.Tensors;

/**
 * A Java network without what comes before a layer's call: its input is the layer's output, and
 * what follows is computed as before.
 *
 * <p>The network's own forward runs, but zeros that take no memory stand in for what the modules
 * before the layer put out. That the rest depends on the layer alone is tried for each size of
 * inputs: from the layer on, it has to compute what the whole network does.
 */
final class ModuleCut extends Network {
  private final Network whole;
  private final Submodule root;
  private final String layer;
  private final boolean masksTokens;
  private final Device device;
  private final Supplier<long[]> wholeInput;

  /** Those that the layer is in, and which therefore run. */
  private final Set<Submodule> around = new HashSet<>();

  private final Submodule cutAt;

  /** The shapes that the modules before the layer put out for two inputs, by that of one. */
  private final Map<List<Long>, List<long[]>> known = new HashMap<>();

  /**
   * Cuts; see {@link HookedModel#from}.
   *
   * @param whole is shared
   * @param layer the path of a submodule that exists
   * @param masksTokens see {@link HookedModel#fromWithTokenMask}
   * @param wholeInput the shape of the whole network's last input; null where there was none
   */
  ModuleCut(
      Network whole,
      String layer,
      boolean masksTokens,
      Device device,
      Supplier<long[]> wholeInput) {
    this.whole = whole;
    this.root = child("whole", whole);
    this.layer = layer;
    this.masksTokens = masksTokens;
    this.device = device;
    this.wholeInput = wholeInput;
    Map<String, Submodule> submodules = whole.submodules();
    this.cutAt = submodules.get(layer);
    around.add(root);
    submodules.forEach(
        (path, module) -> {
          if (layer.startsWith(path + ".")) {
            around.add(module);
          }
        });
  }

  /** Tells this network from others of the same modules. */
  String kind() {
    return whole.getClass().getName() + " from " + layer + (masksTokens ? " masked" : "");
  }

  @Override
  public Tensor forward(Tensor input) {
    long[] shape = wholeInput.get();
    if (shape == null) {
      throw refusal("it has not been run yet, and shows what follows the layer only then");
    }
    long[] rows = shape.clone();
    rows[0] = input.size(0);
    return new Rest(input, shapesBefore(rows)).run(rows);
  }

  private synchronized List<long[]> shapesBefore(long[] inputShape) {
    List<Long> ofOne = Arrays.stream(inputShape).skip(1).boxed().toList();
    List<long[]> shapes = known.get(ofOne);
    if (shapes == null) {
      shapes = find(inputShape);
      known.put(ofOne, shapes);
    }
    return shapes;
  }

  /** Runs two inputs as a whole, and again from the layer on. */
  private List<long[]> find(long[] inputShape) {
    long[] two = inputShape.clone();
    two[0] = 2;
    try (Beginning beginning = new Beginning()) {
      Tensor probe = ProbeInput.of(device, two);
      Tensor expected = beginning.during(() -> root.forward(probe));
      if (beginning.output == null) {
        throw refusal("its forward does not call the layer");
      }
      Tensor input = masksTokens ? withFactors(beginning.output) : beginning.output;
      Tensor actual = new Rest(input, beginning.shapes).run(two);
      if (!OutputAgreement.of(expected, actual, Precision.FLOAT32)) {
        throw refusal(
            "what follows the layer also reads a value from before it, as where a residual goes"
                + " around it; choose a layer that everything goes through, such as a whole block");
      }
      return beginning.shapes;
    }
  }

  private Tensor withFactors(Tensor tokens) {
    if (tokens.dim() != 3) {
      throw refusal("it puts out %s, not tokens".formatted(Tensors.shapeOf(tokens)));
    }
    return torch.cat(new TensorVector(tokens, torch.ones_like(tokens.narrow(2, 0, 1))), 2);
  }

  private LayerException refusal(String reason) {
    return new LayerException(
        "the network cannot be run from layer '%s' on: %s".formatted(layer, reason));
  }

  /** Notes what the modules before the layer put out, and the layer itself. */
  private final class Beginning implements Interceptor, AutoCloseable {
    private final List<long[]> shapes = new ArrayList<>();

    /** A copy of what the layer put out; null before. */
    private Tensor output;

    /** Whether a module runs that is not around the layer: those in it are its own. */
    private boolean inside;

    @Override
    public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
      if (inside || around.contains(module)) {
        return forward.apply(input);
      }
      inside = true;
      Tensor result = forward.apply(input);
      inside = false;
      if (module.equals(cutAt)) {
        if (output != null) {
          throw refusal("its forward calls it several times; choose one that is called once");
        }
        output = result.clone().retainReference();
      } else if (output == null) {
        shapes.add(result.shape());
      }
      return result;
    }

    @Override
    public void close() {
      if (output != null) {
        output.close();
      }
    }
  }

  /** What follows the layer, for one run by one thread. */
  private final class Rest implements Interceptor {
    /** Who else stands in for modules, such as a scorer; null if nobody does. */
    private final Interceptor outer = Current.get();

    private final Tensor output;

    /** [N, T, 1]; null where there are none, or the norm has been called that they are for. */
    private Tensor factors;

    private final Iterator<long[]> before;
    private boolean reached;

    Rest(Tensor input, List<long[]> before) {
      long channels = masksTokens ? input.size(2) - 1 : 0;
      this.output = masksTokens ? input.narrow(2, 0, channels) : input;
      this.factors = masksTokens ? input.narrow(2, channels, 1) : null;
      this.before = before.iterator();
    }

    Tensor run(long[] inputShape) {
      Tensor result = during(() -> root.forward(zeros(inputShape)));
      if (factors != null) {
        throw refusal(
            "no layer norm follows, behind which its tokens are to be masked; choose a block of a"
                + " transformer whose next block begins with a norm");
      }
      return result;
    }

    /** Of one element that is all of them. */
    private Tensor zeros(long... shape) {
      return torch.empty(new long[] {1}, output.options(), null).zero_().expand(shape);
    }

    @Override
    public Tensor call(Submodule module, Tensor input, UnaryOperator<Tensor> forward) {
      if (around.contains(module)) {
        return forward.apply(input);
      }
      if (!reached) {
        reached = module.equals(cutAt);
        if (!reached && !before.hasNext()) {
          throw refusal("its forward calls other modules before the layer than it did for a probe");
        }
        // A handle of its own, which the network may close.
        return reached ? new Tensor(output) : zeros(forRows(before.next()));
      }
      Tensor result = outer == null ? forward.apply(input) : outer.call(module, input, forward);
      if (factors == null || !ModuleTypes.isLayerNorm(module)) {
        return result;
      }
      Tensor masked = result.mul(factors);
      factors = null;
      return masked;
    }

    /** The shape of a tensor with as many rows as the input has, where it had two of two. */
    private long[] forRows(long[] shape) {
      long[] changed = shape.clone();
      if (changed.length > 0 && changed[0] == 2) {
        changed[0] = output.size(0);
      }
      return changed;
    }
  }
}
