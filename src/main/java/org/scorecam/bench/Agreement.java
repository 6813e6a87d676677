package org.scorecam.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.MapAgreement;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus.Estimate;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.mask.Upsampling;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/**
 * How near the map of some channels comes to the map of all.
 *
 * @param view of the input: {@code whole}, {@code mirrored}, or a corner
 * @param target what was explained, as it was found for the view
 * @param passesOfAll masked inputs for all channels
 * @param passes for the chosen ones
 * @param correlation Pearson's of the two maps; NaN where one has one value everywhere
 * @param estimate what was expected of it, if anything was
 * @param secondsOfAll for the explanation with all channels, of all targets
 * @param seconds for that with the chosen ones
 */
public record Agreement(
    String view,
    Target target,
    long passesOfAll,
    long passes,
    double correlation,
    Optional<Estimate> estimate,
    double secondsOfAll,
    double seconds) {
  private static final double NANOSECONDS = 1e9;

  /** Of the input's sides, what a corner has. */
  private static final double CORNER = 0.7;

  private record View(String name, Tensor input) {}

  private record Explained(List<Saliency> maps, double seconds) implements AutoCloseable {
    private static Explained by(ScoreCam explainer, Tensor input, List<Target> targets) {
      long start = System.nanoTime();
      List<Saliency> maps = explainer.explain(input, targets);
      return new Explained(maps, (System.nanoTime() - start) / NANOSECONDS);
    }

    @Override
    public void close() {
      maps.forEach(Saliency::close);
    }
  }

  /**
   * Explains an input as it is, mirrored, and its upper left and lower right corners at its size.
   *
   * @param all explains with all channels
   * @param chosen explains with some
   * @param input [1, C, H, W]
   * @param targets what is explained, of each view by itself
   * @return an agreement for each view and target
   */
  public static List<Agreement> of(
      ScoreCam all, ScoreCam chosen, Tensor input, List<Target> targets) {
    List<Agreement> agreements = new ArrayList<>();
    try (NativeScope scope = NativeScope.open()) {
      for (View view : viewsOf(input)) {
        try (Explained whole = Explained.by(all, view.input, targets);
            Explained part = Explained.by(chosen, view.input, targets)) {
          for (int t = 0; t < targets.size(); t++) {
            agreements.add(of(view.name, whole, part, t));
          }
        }
      }
    }
    return agreements;
  }

  private static Agreement of(String view, Explained whole, Explained part, int t) {
    Saliency ofAll = whole.maps.get(t);
    Saliency ofSome = part.maps.get(t);
    return new Agreement(
        view,
        ofAll.target(),
        ofAll.status().passes(),
        ofSome.status().passes(),
        MapAgreement.of(Tensors.toArray(ofAll.tensor()), Tensors.toArray(ofSome.tensor()))
            .correlation(),
        ofSome.status().estimate(),
        whole.seconds,
        part.seconds);
  }

  private static List<View> viewsOf(Tensor input) {
    long height = (long) (CORNER * input.size(2));
    long width = (long) (CORNER * input.size(3));
    return List.of(
        new View("whole", input),
        new View("mirrored", input.flip(3)),
        new View("upper left", corner(input, 0, 0, height, width)),
        new View(
            "lower right",
            corner(input, input.size(2) - height, input.size(3) - width, height, width)));
  }

  private static Tensor corner(Tensor input, long top, long left, long height, long width) {
    Tensor part = input.narrow(2, top, height).narrow(3, left, width);
    return Upsampling.BILINEAR.apply(part, input.size(2), input.size(3));
  }
}
