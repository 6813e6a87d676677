package org.scorecam.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;

/**
 * Tensors to and from {@link MemorySegment}, without a copy. The jar has this class for Java 22 and
 * later; on earlier ones there is none, and a {@link NativeArray} takes an address.
 *
 * <pre>{@code
 * try (Arena arena = Arena.ofConfined()) {
 *   MemorySegment pixels = arena.allocate(ValueLayout.JAVA_FLOAT, 3L * 224 * 224); // filled by you
 *   try (Tensor input = Segments.asTensor(pixels, ScalarType.Float, 1, 3, 224, 224);
 *       Saliency map = cam.explain(input, Target.top1())) {
 *     MemorySegment values = Segments.asSegment(map.tensor(), arena);
 *   }
 * } // the map's memory is freed here, with its segment
 * }</pre>
 */
public final class Segments {
  private Segments() {}

  /**
   * The memory of a segment as a tensor to read and to write.
   *
   * <p>The segment's arena must stay open until the tensor is closed, and a mapped file mapped:
   * LibTorch does not know of it, and what it does with a tensor whose memory is gone is not an
   * exception. An automatic arena is kept by those who can reach its segments, of which the tensor
   * is none: {@link java.lang.ref.Reference#reachabilityFence} keeps it.
   *
   * @param segment native memory, mapped files included, of exactly the elements in row-major order
   *     and this machine's byte order; {@link MemorySegment#asSlice(long, long)} takes a part of a
   *     larger one. It stays the caller's
   * @param dtype of the elements
   * @param shape sizes, outermost first; none for a single number
   * @return a tensor in that memory on the CPU, owned by the caller; closing it leaves the segment
   *     alone
   * @throws InputException if the segment is on the heap, read-only, of another size, not aligned
   *     to the elements, another thread's, or if its arena is closed; if a size is negative, or
   *     LibTorch has no such elements
   */
  public static Tensor asTensor(MemorySegment segment, ScalarType dtype, long... shape) {
    if (Objects.requireNonNull(segment, "segment").isReadOnly()) {
      throw new InputException(
          "the segment of %d bytes is only to be read, and a tensor can be written to; for one that nobody writes to there is asTensorToRead"
              .formatted(segment.byteSize()));
    }
    return asTensorToRead(segment, dtype, shape);
  }

  /**
   * The memory of a segment as a tensor that the caller only reads, which may be a read-only one.
   * LibTorch itself does not guard the memory: what writes to the tensor writes to it, and where
   * that is protected, as that of a file mapped to be read, the process ends. scorecam does not
   * write to its inputs.
   *
   * @param segment as for {@link #asTensor}, also one that is only to be read
   * @param dtype of the elements
   * @param shape sizes, outermost first; none for a single number
   * @return as {@link #asTensor}
   * @throws InputException as {@link #asTensor}, but for a segment that is only to be read
   */
  public static Tensor asTensorToRead(MemorySegment segment, ScalarType dtype, long... shape) {
    requireUsable(Objects.requireNonNull(segment, "segment"));
    NativeArray array = NativeArray.contiguous(segment.address(), dtype, Device.cpu(), shape);
    long width = array.bytesOfElement();
    // Which 64 bits can count, or there were no array.
    long elements = Arrays.stream(shape).reduce(1, (product, size) -> product * size);
    if (elements > Long.MAX_VALUE / width || segment.byteSize() != elements * width) {
      throw new InputException(
          "the segment has %d bytes, and %d elements of type %s, of shape %s, have %d each; asSlice takes a part of a segment"
              .formatted(
                  segment.byteSize(), elements, array.dtype(), Arrays.toString(shape), width));
    }
    if (segment.address() % width != 0) {
      throw new InputException(
          "the segment at address %#x is not aligned to elements of type %s, which need a multiple of %d; allocate it with an alignment"
              .formatted(segment.address(), array.dtype(), width));
    }
    return array.asTensor();
  }

  private static void requireUsable(MemorySegment segment) {
    if (!segment.isNative()) {
      throw new InputException(
          "the segment of %d bytes is on the Java heap, where LibTorch cannot read; allocate it in an arena"
              .formatted(segment.byteSize()));
    }
    if (!segment.scope().isAlive()) {
      throw new InputException(
          "the segment's arena is closed; it must stay open until the tensor is closed");
    }
    if (!segment.isAccessibleBy(Thread.currentThread())) {
      throw new InputException(
          "the segment's arena is confined to another thread than %s; Arena.ofShared() is for several"
              .formatted(Thread.currentThread().getName()));
    }
  }

  /**
   * The memory of a tensor as a segment, which lives as long as an arena: the tensor may be closed
   * before it, and its memory is freed when the last of both is.
   *
   * <p>{@link MemorySegment#reinterpret} is a restricted method, so that the JVM warns, or refuses,
   * unless {@code --enable-native-access} names the module org.scorecam, or ALL-UNNAMED for the
   * class path.
   *
   * @param tensor dense and contiguous, on the CPU, of any dtype, such as a saliency map; stays the
   *     caller's
   * @param arena keeps the memory until it is closed, and decides which threads may use the
   *     segment; the global one keeps it for ever
   * @return the tensor's elements in row-major order and this machine's byte order; what is written
   *     to one of both is seen in the other
   * @throws InputException if the tensor is not on the CPU, not dense or not contiguous, or if its
   *     values are not those of its memory, as after {@code conj()}
   * @throws IllegalStateException if the arena is closed
   * @throws WrongThreadException if the arena is another thread's
   */
  @SuppressWarnings("restricted")
  public static MemorySegment asSegment(Tensor tensor, Arena arena) {
    Objects.requireNonNull(tensor, "tensor");
    Objects.requireNonNull(arena, "arena");
    try (NativeScope scope = NativeScope.open()) {
      requireContiguous(tensor);
      Pointer data = tensor.data_ptr();
      long address = data == null ? 0 : data.address();
      long bytes = tensor.nbytes();
      // A handle of the arena's own, on the same memory.
      Tensor kept = scope.keep(new Tensor(tensor));
      try {
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, over -> kept.close());
      } catch (RuntimeException e) {
        kept.close();
        throw e;
      }
    }
  }

  private static void requireContiguous(Tensor tensor) {
    boolean contiguous =
        NativeErrors.translate(
            () -> tensor.layout().intern() == torch.Layout.Strided && tensor.is_contiguous(),
            (words, e) -> new InputException("no segment can be made of the tensor: " + words, e));
    Tensors.requireMemory(tensor);
    String shape = Tensors.shapeOf(tensor);
    if (!tensor.is_cpu()) {
      throw new InputException(
          "the tensor of shape %s is on %s, where a segment cannot be; copy it with cpu()"
              .formatted(shape, tensor.device().str().getString()));
    }
    if (!contiguous) {
      throw new InputException(
          "the elements of the tensor of shape %s are not in row-major order without gaps; copy it with contiguous()"
              .formatted(shape));
    }
  }
}
