package org.scorecam.runtime;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.scorecam.error.DeviceException;

/**
 * Where tensors live and networks run: the CPU, or one CUDA device. Nothing of ours has yet run on
 * a GPU.
 *
 * @param type CPU or CUDA
 * @param index which CUDA device, from 0; 0 for the CPU
 */
public record Device(Type type, int index) {
  private static final Pattern SPELLING = Pattern.compile("cpu|cuda(?::(\\d{1,3}))?");

  /** The kinds of devices. */
  public enum Type {
    /** The processor and its memory. */
    CPU,
    /** An NVIDIA GPU and its memory. */
    CUDA
  }

  /**
   * Checks the parts.
   *
   * @param type CPU or CUDA
   * @param index which CUDA device, from 0; 0 for the CPU
   * @throws IllegalArgumentException if the index is negative, or not 0 for the CPU
   */
  public Device {
    if (index < 0 || (type == Type.CPU && index != 0)) {
      throw new IllegalArgumentException("no device " + type + " has the index " + index);
    }
  }

  /**
   * The processor.
   *
   * @return the device
   */
  public static Device cpu() {
    return new Device(Type.CPU, 0);
  }

  /**
   * An NVIDIA GPU. Whether it exists is asked when something is put there.
   *
   * @param index which one, from 0
   * @return the device
   */
  public static Device cuda(int index) {
    return new Device(Type.CUDA, index);
  }

  /**
   * Reads a device's name.
   *
   * @param name {@code cpu}, {@code cuda} (the first) or {@code cuda:N}
   * @return the device
   * @throws IllegalArgumentException if it is none of these
   */
  public static Device parse(String name) {
    Matcher spelling = SPELLING.matcher(name.strip().toLowerCase(Locale.ROOT));
    if (!spelling.matches()) {
      throw new IllegalArgumentException(
          "'" + name + "' names no device; give cpu, cuda or cuda:N with N from 0");
    }
    if (spelling.group().equals("cpu")) {
      return cpu();
    }
    return cuda(spelling.group(1) == null ? 0 : Integer.parseInt(spelling.group(1)));
  }

  /**
   * How many CUDA devices this process can use.
   *
   * @return 0 where LibTorch has no CUDA, or where a library, the driver or a device is missing
   */
  public static int cudaCount() {
    return CudaState.now().devices();
  }

  /**
   * Makes sure that the device is there.
   *
   * @return this device
   * @throws DeviceException if it is not, with what there is or the first thing that is missing
   */
  public Device require() {
    if (type == Type.CUDA) {
      CudaState cuda = CudaState.now();
      if (index >= cuda.devices()) {
        String advice = cuda.advice().isEmpty() ? "" : "; " + cuda.advice();
        throw new DeviceException("there is no device " + this + ": " + cuda.words() + advice);
      }
    }
    return this;
  }

  /**
   * The device as LibTorch's own value.
   *
   * @return a new native object, owned by the caller or by the scope it has open
   */
  public org.bytedeco.pytorch.Device toTorch() {
    LibTorch.load();
    return new org.bytedeco.pytorch.Device(toString());
  }

  /**
   * The name that {@link #parse} reads.
   *
   * @return {@code cpu} or {@code cuda:N}
   */
  @Override
  public String toString() {
    return type == Type.CPU ? "cpu" : "cuda:" + index;
  }
}
