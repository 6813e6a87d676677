package org.scorecam.weights;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.runtime.NativeScope;

/**
 * A file mapped into memory as one uint8 tensor, by LibTorch's own {@code at::from_file}.
 *
 * <p>LibTorch's mapping rather than {@link java.nio.channels.FileChannel#map}: it has 64-bit sizes,
 * and its end is counted, not collected. The file is unmapped when the last tensor that views it is
 * closed, so a view can never outlive its bytes. The mapping is private: what is written to a view
 * is not written to the file.
 */
final class MappedFile implements AutoCloseable {
  private final Tensor bytes;

  private MappedFile(Tensor bytes) {
    this.bytes = bytes;
  }

  static MappedFile map(Path path, long size) {
    try (NativeScope scope = NativeScope.open()) {
      BytePointer name = new BytePointer(path.toString(), StandardCharsets.UTF_8);
      return new MappedFile(
          scope.keep(
              torch.from_file(
                  name,
                  new BoolOptional(false),
                  new LongOptional(size),
                  new TensorOptions(ScalarType.Byte))));
    }
  }

  /** A view of the mapping; a copy of the tensor's own bytes where they are not aligned. */
  Tensor view(StoredTensor stored) {
    try (NativeScope scope = NativeScope.open()) {
      ScalarType dtype = stored.info().dtype().toTorch();
      long[] shape = toArray(stored.info().shape());
      if (stored.span() == 0) {
        return scope.keep(torch.empty(shape, new TensorOptions(dtype), new MemoryFormatOptional()));
      }
      Tensor region = bytes.narrow(0, stored.position(), stored.span());
      if (stored.position() % stored.info().dtype().bytes() != 0) {
        region = region.clone();
      }
      Tensor elements = region.view(dtype);
      return scope.keep(
          elements.as_strided(
              shape, toArray(stored.strides()), new LongOptional(elements.storage_offset())));
    }
  }

  @Override
  public void close() {
    bytes.close();
  }

  private static long[] toArray(List<Long> values) {
    return values.stream().mapToLong(Long::longValue).toArray();
  }
}
