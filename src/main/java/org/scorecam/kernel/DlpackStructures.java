package org.scorecam.kernel;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.NativeLibraryException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/** LibTorch's functions for DLPack, which the presets do not bind, called by our native library. */
public final class DlpackStructures {
  private DlpackStructures() {}

  /**
   * Makes a structure that shares a tensor's memory.
   *
   * @param tensor stays the caller's
   * @param versioned whether a {@code DLManagedTensorVersioned} is wanted
   * @param readOnly whether it says that the memory is only to be read
   * @return the structure's address
   * @throws InputException if LibTorch refuses the tensor
   * @throws NativeLibraryException without our native library or LibTorch's function
   */
  public static long of(Tensor tensor, boolean versioned, boolean readOnly) {
    Kernels kernels = Kernels.cpu();
    try (NativeScope scope = NativeScope.open();
        Pointer managed = new Pointer()) {
      check(
          kernels,
          CpuBinding.scorecam_to_dlpack(
              LibTorchFile.path(), tensor, formOf(versioned), readOnly ? 1 : 0, managed));
      return managed.address();
    }
  }

  /**
   * Makes a tensor that shares the memory of a structure.
   *
   * @param address of the structure, which the tensor owns from now on
   * @param versioned whether it is a {@code DLManagedTensorVersioned}
   * @param readOnly whether memory that is only to be read is taken, too
   * @return owned by the caller
   * @throws InputException if it cannot be taken; the structure is the caller's then
   * @throws NativeLibraryException without our native library or LibTorch's function
   */
  public static Tensor take(long address, boolean versioned, boolean readOnly) {
    Kernels kernels = Kernels.cpu();
    try (NativeScope scope = NativeScope.open()) {
      Tensor tensor = new Tensor();
      check(
          kernels,
          CpuBinding.scorecam_from_dlpack(
              LibTorchFile.path(),
              new Structure(address),
              formOf(versioned),
              readOnly ? 1 : 0,
              Device.cudaCount(),
              tensor));
      return scope.keep(tensor);
    }
  }

  private static int formOf(boolean versioned) {
    return versioned ? CpuBinding.SCORECAM_DLPACK_VERSIONED : CpuBinding.SCORECAM_DLPACK_PLAIN;
  }

  private static void check(Kernels kernels, int status) {
    if (status == CpuBinding.SCORECAM_STATUS_INTERNAL) {
      throw new InputException(
          "LibTorch refuses the tensor: "
              + NativeErrors.wordsOf(CpuBinding.scorecam_last_message().getString()));
    }
    kernels.check(status);
  }

  /** A pointer to a structure that somebody else has made. */
  private static final class Structure extends Pointer {
    Structure(long address) {
      super((Pointer) null);
      this.address = address;
    }
  }
}
