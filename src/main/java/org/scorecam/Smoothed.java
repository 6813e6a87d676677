package org.scorecam;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.TargetException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorchWork;
import org.scorecam.runtime.NativeScope;

/**
 * Another explainer's maps on average over changed inputs: as they are and mirrored, each times
 * 0.9, 1 and 1.1. Six times the work for a map that depends less on chance; pytorch-grad-cam's
 * {@code aug_smooth}.
 *
 * <p>With E for the explainer, X for the input and F for the reversal of the last dimension: the
 * map is the mean of E(c·X) and F(E(c·F(X))) over c. Every map is finished by itself, as its recipe
 * says, and the mean is not scaled again. Factors multiply inputs as they come, after their
 * normalisation. Series are not mirrored, since time has a direction: three maps.
 *
 * <p>The class of interest is found in the input as it came, once. The result has no channel
 * weights; its status has the passes of all maps.
 */
public final class Smoothed implements Explainer {
  private static final double[] FACTORS = {1, 0.9, 1.1};

  /** That of the explanation that a thread is at. */
  private static final ThreadLocal<Progress> PROGRESS = new ThreadLocal<>();

  private final Explainer explainer;

  private Smoothed(Explainer explainer) {
    this.explainer = explainer;
  }

  private Smoothed(
      Function<ProgressListener, ? extends Explainer> maker, ProgressListener listener) {
    this.explainer =
        maker.apply(
            (scored, total) -> {
              Progress present = PROGRESS.get();
              if (present != null) {
                present.tell(listener, scored, total);
              }
            });
  }

  /** How far one explanation has come, all its changed inputs together. */
  private static final class Progress {
    /** Changed inputs that are not explained yet. */
    private int left;

    /** Masked inputs of those that are. */
    private long done;

    Progress(int changes) {
      this.left = changes;
    }

    void tell(ProgressListener listener, long scored, long total) {
      // As many for those to come as for this one.
      listener.onProgress(done + scored, done + left * total);
      if (scored == total) {
        done += total;
      }
    }
  }

  /**
   * Smooths an explainer's maps.
   *
   * @param explainer taken over: closed with the result
   * @return owned by the caller
   */
  public static Smoothed of(Explainer explainer) {
    return new Smoothed(requireNonNull(explainer, "explainer"));
  }

  /**
   * Smooths an explainer's maps, and has progress reported as of one explanation.
   *
   * @param maker makes the explainer, which has to tell the listener that it is given; taken over:
   *     closed with the result
   * @param listener is told of all changed inputs together, but of no rounds
   * @return owned by the caller
   */
  public static Smoothed of(
      Function<ProgressListener, ? extends Explainer> maker, ProgressListener listener) {
    return new Smoothed(requireNonNull(maker, "maker"), requireNonNull(listener, "listener"));
  }

  /**
   * {@inheritDoc}
   *
   * @throws TargetException also if a target names a place, such as a cell or a detection, which is
   *     elsewhere in a mirrored input
   */
  @Override
  public List<List<Saliency>> explainBatchTargets(Tensor inputs, List<List<Target>> targets) {
    Inputs.requireUsable(inputs, targets);
    boolean mirrors = inputs.dim() > 3;
    if (mirrors) {
      targets.forEach(ofInput -> ofInput.forEach(Smoothed::requireNoPlace));
    }
    List<List<List<Saliency>>> changed = new ArrayList<>(); // by change, input and target
    try (LibTorchWork work = LibTorchWork.begin();
        NativeScope scope = NativeScope.open()) {
      List<List<Target>> known = targets;
      boolean[] views = mirrors ? new boolean[] {false, true} : new boolean[] {false};
      Progress told = new Progress(views.length * FACTORS.length);
      PROGRESS.set(told);
      for (boolean mirrored : views) {
        Tensor turned = mirrored ? inputs.flip(-1) : inputs;
        for (double factor : FACTORS) {
          Tensor scaled = factor == 1 ? turned : turned.mul(new Scalar(factor));
          changed.add(explainer.explainBatchTargets(scaled, known));
          told.left--;
          known = targetsOf(changed.get(0));
        }
      }
      return means(changed);
    } finally {
      PROGRESS.remove();
      Saliency.closeAll(changed);
    }
  }

  private static void requireNoPlace(Target target) {
    if (target.namesPlace()) {
      throw new TargetException(
          "smoothing mirrors the input, in which %s is elsewhere: explain it without, or a target that names no place"
              .formatted(target));
    }
  }

  private static List<List<Target>> targetsOf(List<List<Saliency>> maps) {
    return maps.stream().map(ofInput -> ofInput.stream().map(Saliency::target).toList()).toList();
  }

  private static List<List<Saliency>> means(List<List<List<Saliency>>> changed) {
    List<List<Saliency>> means = new ArrayList<>();
    try {
      for (int i = 0; i < changed.get(0).size(); i++) {
        List<Saliency> ofInput = new ArrayList<>();
        means.add(ofInput);
        for (int t = 0; t < changed.get(0).get(i).size(); t++) {
          int input = i;
          int target = t;
          ofInput.add(
              Saliency.meanOf(
                  changed.stream().map(maps -> maps.get(input).get(target)).toList(),
                  FACTORS.length));
        }
      }
      return means;
    } catch (RuntimeException | Error e) {
      means.forEach(ofInput -> ofInput.forEach(Saliency::close));
      throw e;
    }
  }

  @Override
  public int inputsPerGroup() {
    return explainer.inputsPerGroup();
  }

  @Override
  public Device device() {
    return explainer.device();
  }

  /** Closes the explainer. */
  @Override
  public void close() {
    explainer.close();
  }
}
