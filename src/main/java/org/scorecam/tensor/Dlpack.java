package org.scorecam.tensor;

import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.kernel.DlpackStructures;

/**
 * Tensors to and from other libraries of this process by <a
 * href="https://dmlc.github.io/dlpack/latest/">DLPack</a>, without a copy. Unlike a {@link
 * NativeArray}, its structures own their memory: each has a deleter, which whoever took it calls
 * when it is done.
 *
 * <p>What is exchanged is the address of a structure, which in Python is inside a capsule. A
 * structure is taken once. Dtype, shape, strides, byte offset and device are as the structure says.
 * On a CUDA device, the producer's work on the memory must be done, or wait for, before it is
 * taken. Needs our native library, and is not offered on Windows.
 */
public enum Dlpack {
  /** {@code DLManagedTensor}: what all libraries with DLPack know. */
  PLAIN,

  /**
   * {@code DLManagedTensorVersioned}, of DLPack 1.0 and later: it also says whether the memory may
   * be written to.
   */
  VERSIONED;

  /**
   * Hands a tensor out.
   *
   * @param tensor dense, of any dtype and device that DLPack has; stays the caller's, who may close
   *     it
   * @return the address of a structure, whose deleter the consumer calls once; until then the
   *     memory lives. If no consumer takes it, {@code take(address).close()} frees it.
   * @throws InputException if DLPack has no such tensors, or if its values are not those of its
   *     memory, as after {@code conj()}
   * @throws org.scorecam.error.NativeLibraryException without our native library, or if this
   *     LibTorch cannot do it
   */
  public long export(Tensor tensor) {
    return structureOf(tensor, false);
  }

  /**
   * Hands a tensor out as memory that is only to be read.
   *
   * @param tensor as for {@link #export}
   * @return as {@link #export}
   * @throws InputException if this is {@link #PLAIN}, which cannot say so, or as {@link #export}
   * @throws org.scorecam.error.NativeLibraryException as {@link #export}
   */
  public long exportReadOnly(Tensor tensor) {
    return structureOf(tensor, true);
  }

  private long structureOf(Tensor tensor, boolean readOnly) {
    Tensors.requireMemory(Objects.requireNonNull(tensor, "tensor"));
    return DlpackStructures.of(tensor, this == VERSIONED, readOnly);
  }

  /**
   * Takes a tensor to read and to write.
   *
   * @param address of a structure of this form, which nobody has taken. If all goes well its
   *     deleter is called once, when the last tensor of this memory is closed, by the thread that
   *     closes it; otherwise never.
   * @return a tensor in that memory, owned by the caller
   * @throws InputException if the address is null, if the structure is of another version than
   *     DLPack 1, makes no sense or is only to be read, or if LibTorch has no such tensors, or the
   *     device is neither the CPU nor one of CUDA's that is there
   * @throws org.scorecam.error.NativeLibraryException as {@link #export}
   */
  public Tensor take(long address) {
    return DlpackStructures.take(address, this == VERSIONED, false);
  }

  /**
   * Takes a tensor that the caller only reads. LibTorch itself does not guard the memory: what
   * writes to the tensor writes to it. scorecam does not write to its inputs.
   *
   * @param address as for {@link #take}, also of memory that is only to be read
   * @return as {@link #take}
   * @throws InputException as {@link #take}, but for memory that is only to be read
   * @throws org.scorecam.error.NativeLibraryException as {@link #export}
   */
  public Tensor takeReadOnly(long address) {
    return DlpackStructures.take(address, this == VERSIONED, true);
  }
}
