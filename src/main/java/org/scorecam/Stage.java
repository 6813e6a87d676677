package org.scorecam;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * What a flight recording shows of explanations: an event for each stage, and one for the whole.
 *
 * <p>An event begins when it is made and is written by {@link #commit}; where nothing records, both
 * do nothing. On CUDA a stage's time is that of submitting its work, and the wait for the device
 * falls to whichever stage first needs a value.
 */
@Category("Score-CAM")
@StackTrace(false)
abstract class Stage extends Event {
  /** From the inputs to their maps. */
  @Name("org.scorecam.Explanation")
  @Label("Explanation")
  @Description("Explains one or several inputs: all other stages lie within it.")
  static final class Whole extends Stage {
    @Label("Layers")
    final String layers;

    @Label("Recipe")
    final String recipe;

    @Label("Device")
    final String device;

    @Label("Shape of the inputs")
    final String shape;

    @Label("Passes")
    @Description("Masked inputs that the network ran.")
    long passes;

    Whole(String layers, String recipe, String device, String shape) {
      this.layers = layers;
      this.recipe = recipe;
      this.device = device;
      this.shape = shape;
      begin();
    }
  }

  /** The pass that finds the activation maps. */
  @Name("org.scorecam.Capture")
  @Label("Capture")
  @Description("Runs the unmasked inputs and captures the target layers' outputs.")
  static final class Capture extends Stage {
    @Label("Layers")
    final String layers;

    @Label("Inputs")
    final long inputs;

    Capture(String layers, long inputs) {
      this.layers = layers;
      this.inputs = inputs;
      begin();
    }
  }

  /** What is done once before masks are written. */
  @Name("org.scorecam.Plan")
  @Label("Plan")
  @Description("Selects channels, finds the ranges of their masks, and which masks are equal.")
  static final class Plan extends Stage {
    @Label("Layers")
    final String layers;

    @Label("Passes")
    long passes;

    Plan(String layers) {
      this.layers = layers;
      begin();
    }
  }

  /** The weighted sum. */
  @Name("org.scorecam.Combine")
  @Label("Combine")
  @Description("Turns the scores of one input at one layer into weights, and sums the maps.")
  static final class Combine extends Stage {
    @Label("Layer")
    final String layer;

    @Label("Channels")
    final long channels;

    @Label("Passes")
    final int passes;

    Combine(String layer, long channels, int passes) {
      this.layer = layer;
      this.channels = channels;
      this.passes = passes;
      begin();
    }
  }
}
