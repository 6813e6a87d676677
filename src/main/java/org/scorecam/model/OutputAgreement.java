package org.scorecam.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Whether a network that was prepared for scoring still computes what the plain one does, as far as
 * its precision goes.
 */
final class OutputAgreement {
  /** How far a value may be off, as a part of the largest. */
  private static final double TOLERANCE = 1e-4;

  private static final double REDUCED_TOLERANCE = 0.1;

  private OutputAgreement() {}

  /** The output's tensors in double precision on the CPU; needs an open scope. */
  static List<Tensor> copiesOf(ModelOutput output) {
    List<Tensor> copies = new ArrayList<>();
    output.forEachTensor(tensor -> copies.add(copyOf(tensor).clone()));
    return copies;
  }

  /** Compares all tensors of two outputs; needs an open scope. */
  static boolean of(List<Tensor> expected, List<Tensor> actual, Precision precision) {
    if (expected.size() != actual.size()) {
      return false;
    }
    for (int i = 0; i < expected.size(); i++) {
      if (!of(expected.get(i), actual.get(i), precision)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Compares what a network puts out for several rows with what it puts out for the first of them
   * alone; needs an open scope. Of a tensor the first row is compared, of a list with an element
   * for each row the first element.
   */
  static boolean ofFirstRow(
      ModelOutput together, ModelOutput alone, long rows, Precision precision) {
    List<ModelOutput> several = List.copyOf(together.parts().values());
    List<ModelOutput> single = List.copyOf(alone.parts().values());
    if (several.size() == rows && single.size() == 1) {
      return of(copiesOf(several.get(0)), copiesOf(single.get(0)), precision);
    }
    if (several.size() != single.size() || together.isTensor() != alone.isTensor()) {
      return false;
    }
    for (int i = 0; i < several.size(); i++) {
      if (!ofFirstRow(several.get(i), single.get(i), rows, precision)) {
        return false;
      }
    }
    return !together.isTensor()
        || of(copyOf(firstOf(together.tensor(), rows)), copyOf(alone.tensor()), precision);
  }

  private static Tensor firstOf(Tensor tensor, long rows) {
    return tensor.dim() > 0 && tensor.size(0) == rows ? tensor.narrow(0, 0, 1) : tensor;
  }

  private static Tensor copyOf(Tensor tensor) {
    return tensor.cpu().to(ScalarType.Double);
  }

  /** Compares two tensors; needs an open scope. */
  static boolean of(Tensor expected, Tensor actual, Precision precision) {
    if (!Arrays.equals(expected.shape(), actual.shape())) {
      return false;
    }
    if (expected.numel() == 0) {
      return true;
    }
    boolean exact = precision.dtype().intern() == ScalarType.Float;
    Tensor allowed = expected.abs().max().mul(new Scalar(exact ? TOLERANCE : REDUCED_TOLERANCE));
    // A NaN agrees with nothing.
    return expected.sub(actual).abs().max().le(allowed).item().toBool();
  }
}
