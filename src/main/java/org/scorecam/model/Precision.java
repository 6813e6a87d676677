package org.scorecam.model;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.graph.OperatorCall;
import org.scorecam.runtime.Device;

/**
 * The numbers that the network computes with when it scores masked inputs. The first pass, the
 * weights and the weighted sum are float32 whatever it is.
 */
public enum Precision {
  /** float32 throughout. */
  FLOAT32(ScalarType.Float),
  /** float32 tensors, whose products CUDA devices may round to 10 bits of mantissa. */
  TF32(ScalarType.Float),
  /** bfloat16: float32's range with 7 bits of mantissa. */
  BFLOAT16(ScalarType.BFloat16),
  /** float16: 10 bits of mantissa, and no number above 65,504. */
  FLOAT16(ScalarType.Half);

  private final ScalarType dtype;

  Precision(ScalarType dtype) {
    this.dtype = dtype;
  }

  /**
   * The type of the scorer's tensors.
   *
   * @return the dtype of its chunks
   */
  public ScalarType dtype() {
    return dtype;
  }

  /**
   * Whether a device has instructions for the precision. Without them LibTorch computes in it many
   * times more slowly than in float32.
   *
   * @param device on which a network would be run
   * @return for the CPU, whether LibTorch's oneDNN takes the precision on this processor
   */
  public boolean isNativeTo(Device device) {
    boolean cpu = device.type() == Device.Type.CPU;
    return switch (this) {
      case FLOAT32 -> true;
      case TF32 -> !cpu;
      case BFLOAT16 -> !cpu || OperatorCall.answer("mkldnn::_is_mkldnn_bf16_supported");
      case FLOAT16 -> !cpu || OperatorCall.answer("mkldnn::_is_mkldnn_fp16_supported");
    };
  }

  /**
   * Finds a precision by its name.
   *
   * @param name such as {@code bfloat16}, in any case
   * @return the precision
   * @throws IllegalArgumentException if there is none, with all names
   */
  public static Precision named(String name) {
    return Arrays.stream(values())
        .filter(precision -> precision.toString().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "'%s' is not a precision; the precisions are %s"
                        .formatted(
                            name,
                            Arrays.stream(values())
                                .map(Precision::toString)
                                .collect(Collectors.joining(", ")))));
  }

  /** The name as options have it, such as {@code bfloat16}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
