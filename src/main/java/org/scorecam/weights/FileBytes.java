package org.scorecam.weights;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/**
 * Little-endian numbers and runs of bytes from a part of a file, read forwards.
 *
 * <p>Every length is compared with what is left before anything is allocated for it.
 */
final class FileBytes {
  private static final int BUFFER = 8192;

  private final FileChannel channel;
  private final long end;
  private final ByteBuffer buffer;
  private long filled;

  /** Reads the bytes from {@code begin} up to, not including, {@code end}. */
  FileBytes(FileChannel channel, long begin, long end) {
    this.channel = channel;
    this.end = end;
    this.filled = begin;
    this.buffer = ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN).limit(0);
  }

  /** Where the next byte lies in the file. */
  long position() {
    return filled - buffer.remaining();
  }

  /** How many bytes are left. */
  long left() {
    return end - position();
  }

  int uint8() throws IOException {
    return Byte.toUnsignedInt(ahead(Byte.BYTES).get());
  }

  int uint16() throws IOException {
    return Short.toUnsignedInt(ahead(Short.BYTES).getShort());
  }

  int int32() throws IOException {
    return ahead(Integer.BYTES).getInt();
  }

  long uint32() throws IOException {
    return Integer.toUnsignedLong(int32());
  }

  long int64() throws IOException {
    return ahead(Long.BYTES).getLong();
  }

  /** The next bytes; a count that the file does not have is an error, and costs no memory. */
  byte[] bytes(long count) throws IOException {
    if (count < 0 || count > left() || count > Integer.MAX_VALUE - 16) {
      throw truncated(count);
    }
    byte[] result = new byte[(int) count];
    for (int done = 0; done < result.length; ) {
      ahead(1);
      int step = Math.min(buffer.remaining(), result.length - done);
      buffer.get(result, done, step);
      done += step;
    }
    return result;
  }

  /** Passes over bytes, which the file must have. */
  void skip(long count) throws IOException {
    if (count < 0 || count > left()) {
      throw truncated(count);
    }
    filled = position() + count;
    buffer.limit(0);
  }

  /** The buffer, with at least so many bytes in it. */
  private ByteBuffer ahead(int count) throws IOException {
    if (buffer.remaining() < count) {
      if (count > left()) {
        throw truncated(count);
      }
      buffer.compact().limit((int) Math.min(BUFFER, buffer.position() + end - filled));
      while (buffer.position() < count) {
        int read = channel.read(buffer, filled);
        if (read < 0) {
          throw new MalformedFileException("the file became shorter while it was read");
        }
        filled += read;
      }
      buffer.flip();
    }
    return buffer;
  }

  private MalformedFileException truncated(long count) {
    return new MalformedFileException(
        String.format(
            "%s bytes are needed at byte %d, but only %d are left",
            Long.toUnsignedString(count), position(), left()));
  }
}
