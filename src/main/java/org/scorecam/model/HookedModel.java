package org.scorecam.model;

import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.scorecam.error.GradientException;
import org.scorecam.error.InputException;
import org.scorecam.error.LayerException;
import org.scorecam.error.ModelException;
import org.scorecam.error.PrecisionException;
import org.scorecam.nn.HookHandle;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.Findings;

/**
 * A network in evaluation mode whose layers' outputs can be seen.
 *
 * <p>{@link TorchScriptModel} and {@link ModuleModel} are scorecam's; any other network can be
 * explained that implements this interface.
 *
 * <p>Layers are named by their dotted path, as in PyTorch. Models are safe for use by several
 * threads; {@link #close()} must not run beside other calls.
 */
public interface HookedModel extends AutoCloseable {
  /**
   * Has a layer's output shown to a hook at every {@link #forward}, as PyTorch's {@code
   * register_forward_hook} does. Hooks run in the order of their registration.
   *
   * @param layer dotted path of any submodule, at any depth
   * @param hook what to call
   * @return removes the hook
   * @throws LayerException as {@link #requireCapturable} throws it
   */
  HookHandle registerForwardHook(String layer, ForwardHook hook);

  /**
   * Makes sure that a layer can be watched.
   *
   * @param layer its dotted path
   * @throws LayerException if there is no such layer (the nearest names are offered), or its output
   *     cannot be captured (the reason is given)
   */
  void requireCapturable(String layer);

  /**
   * Runs the network and calls the registered hooks.
   *
   * @param input float32 [N, C, H, W] on any device
   * @return the network's output on the model's device, owned by the caller
   * @throws InputException if the network cannot run this input
   */
  ModelOutput forward(Tensor input);

  /**
   * Runs the network once and captures the outputs of some layers as they were at the call.
   *
   * @param input float32 [N, C, H, W] on any device
   * @param layers dotted paths
   * @param counted which call of a layer that is called several times
   * @return as {@link #capture(Tensor, Watch)}
   * @throws LayerException as {@link #capture(Tensor, Watch)}
   * @throws InputException if the network cannot run this input
   */
  default Capture capture(Tensor input, List<String> layers, RepeatedCall counted) {
    return capture(input, new Watch(layers, counted, CaptureMoment.AT_CALL));
  }

  /**
   * Runs the network once and captures the outputs of some layers, without calling any hook.
   *
   * @param input float32 [N, C, H, W] on any device
   * @param watch which layers, which call and which moment
   * @return the network's output and the layers' outputs, owned by the caller
   * @throws LayerException as {@link #requireCapturable} throws it, and if a layer was not called
   *     for this input
   * @throws InputException if the network cannot run this input
   */
  Capture capture(Tensor input, Watch watch);

  /**
   * As {@link #capture(Tensor, Watch)}, in the fastest way that is ready: once there is a program
   * for scoring, which runs on packed weights, it captures as well, if the layers' outputs are
   * among what it computes. After some dozens of inputs the program is made for that. This takes
   * about a second, and as much memory as the weights, and pays after a hundred or two more. Values
   * agree with those of {@link #capture(Tensor, Watch)} within the rounding of float32.
   *
   * @param input as for {@link #capture(Tensor, Watch)}
   * @param watch which layers, which call and which moment
   * @return as {@link #capture(Tensor, Watch)}
   * @throws LayerException as {@link #capture(Tensor, Watch)}
   * @throws InputException as {@link #capture(Tensor, Watch)}
   */
  default Capture captureFast(Tensor input, Watch watch) {
    return capture(input, watch);
  }

  /**
   * Runs the network once with gradients recorded, captures the outputs of some layers, and
   * differentiates scores with respect to them. What is recorded takes as much memory as a training
   * step with this input, and is freed before this returns.
   *
   * @param input float32 [N, C, H, W] on any device
   * @param watch which layers, which call and which moment
   * @param scores makes the tensors of one value that are differentiated, of the network's output;
   *     called once with gradients on
   * @return the pass and the gradients, owned by the caller
   * @throws GradientException if the network cannot be differentiated, if a score has no gradient,
   *     or none with respect to a layer
   * @throws LayerException as {@link #capture(Tensor, Watch)}
   * @throws InputException as {@link #capture(Tensor, Watch)}
   */
  default GradientCapture captureWithGradients(
      Tensor input, Watch watch, Function<ModelOutput, List<Tensor>> scores) {
    throw new GradientException(
        "this network gives no gradients: %s does not implement captureWithGradients"
            .formatted(getClass().getSimpleName()));
  }

  /**
   * The same network with values for the inputs that it takes beside the batch, such as a mask or a
   * class label: the same in every pass.
   *
   * @param further copied, for the parameters after the batch's in their order; those left out must
   *     have defaults. A leading dimension of 1 is repeated to the rows of the batch (a value for
   *     all rows is a tensor of no dimension), and a tensor of one value may be given for a number
   * @return a model of its own, with hooks and scorers of its own, which shares the network's
   *     parameters; owned by the caller, and closed before or after this one
   * @throws InputException if inputs are missing, too many, or of the wrong type
   */
  default HookedModel withFixedInputs(List<Tensor> further) {
    throw new InputException(
        "%d fixed inputs were given; this network takes the batch alone".formatted(further.size()));
  }

  /**
   * The network from a layer on: what it computes of the layer's output, without what comes before.
   *
   * <p>Of a Java network the rest is found by a pass of two inputs, of the size that this model was
   * given last, when it is run for the first time: whether it can be cut there shows then, and this
   * model must have been run before.
   *
   * @param layer dotted path of a submodule that everything goes through on its way to the output
   * @return a model of its own, which shares the network's parameters and whose input is the
   *     layer's output as it is; owned by the caller, and closed before or after this one
   * @throws LayerException if there is no such layer, or the network cannot be cut there, with the
   *     reason
   */
  default HookedModel from(String layer) {
    throw new LayerException(
        "the network cannot be run from layer '%s' on: %s does not implement that"
            .formatted(layer, getClass().getSimpleName()));
  }

  /**
   * As {@link #from}, for tokens with a factor each: the factors multiply what the layer norm puts
   * out that is the first to read the layer's output, as a transformer's next block begins with
   * one. What goes around the norm is the layer's output as it is.
   *
   * @param layer as for {@link #from}; it puts out tokens [N, T, K]
   * @return as {@link #from}, whose input is [N, T, K + 1]: the layer's output with a further
   *     channel, which holds the factors
   * @throws LayerException as {@link #from}, and if no layer norm reads the output
   */
  default HookedModel fromWithTokenMask(String layer) {
    return from(layer); // Which refuses, where it is not implemented either.
  }

  /**
   * The network's layers, parents before children, without the root.
   *
   * @return a path and type each; with output shapes once an input has been seen
   */
  List<Layer> layers();

  /**
   * The layer that is customarily explained.
   *
   * @return its path, if the network is of a kind that has one
   */
  default Optional<String> defaultLayer() {
    return Optional.empty();
  }

  /**
   * How a layer's output holds its activation maps.
   *
   * @param layer its dotted path
   * @return the layout, if the network is of a kind that is known to have it there
   */
  default Optional<Layout> layoutOf(String layer) {
    return Optional.empty();
  }

  /**
   * Where the network runs.
   *
   * @return the device that it was loaded on
   */
  Device device();

  /**
   * The layout of inputs that the network is fastest with as it is.
   *
   * @return contiguous or channels-last
   */
  default MemoryFormat memoryFormat() {
    return MemoryFormat.Contiguous;
  }

  /**
   * The network made ready for scoring in float32: frozen, without gradients, prepared for one
   * memory layout, and nothing tried out.
   *
   * @return always the same scorer, made at the first call; owned by the model
   * @throws ModelException if the network cannot be frozen
   */
  Scorer scorer();

  /**
   * The network as it is, in float32, for so few inputs that preparing it would take longer than
   * they do, where that is still to be done and an earlier process has found out how. Nothing is
   * tried out, so that it is not certain that it runs several rows together as it does each alone:
   * give it one row at a time.
   *
   * @param inputShape of the inputs to come
   * @return owned by the model; nothing where the network is prepared in float32, or {@link
   *     #findings} say nothing about inputs of this shape
   */
  default Optional<Scorer> unpreparedScorer(InputShape inputShape) {
    return Optional.empty();
  }

  /**
   * The network made ready for scoring, in the way that is fastest on this machine: layouts,
   * weights packed for the processor and activations fused with the convolutions before them are
   * tried on a few inputs at the first call, and the fastest is kept whose output agrees with the
   * plain network's.
   *
   * @param precision what to compute with
   * @param inputShape of the inputs to come; one that has not been seen before is tried out, and
   *     where the fastest way computes something else for it, the plain one is taken
   * @return owned by the model, and the same each time for a precision and a shape
   * @throws ModelException if the network cannot be frozen
   * @throws InputException if the network cannot run inputs of this shape
   * @throws PrecisionException if the network or the device cannot compute with the precision
   */
  Scorer scorer(Precision precision, InputShape inputShape);

  /**
   * What trials found out about the network in earlier processes.
   *
   * @return {@link Findings#none} unless a folder was named for them
   */
  default Findings findings() {
    return Findings.none();
  }

  /** Frees the network. What was captured stays valid. Closing again does nothing. */
  @Override
  void close();
}
