package org.scorecam.runtime;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * Where a loaded library of this process has its variables, those that it does not export among
 * them. For 64-bit little-endian Linux; the layout is that of {@code elf(5)}.
 */
final class ElfSymbols {
  private static final Path MAPS = Path.of("/proc/self/maps");

  private static final int MAGIC = 0x464C457F; // 0x7F, "ELF"
  private static final int SYMBOL_TABLE = 2; // SHT_SYMTAB
  private static final int VARIABLE = 1; // STT_OBJECT
  private static final int SYMBOL_BYTES = 24;

  private ElfSymbols() {}

  /**
   * Looks a variable up.
   *
   * @param library the loaded library's file name
   * @param variable its name as the compiler wrote it
   * @param bytes that it must have at least
   * @return its address; empty if the library is not loaded, has no table of symbols or no such
   *     variable
   */
  static OptionalLong addressOf(String library, String variable, long bytes) throws IOException {
    if (!Files.isReadable(MAPS)) {
      return OptionalLong.empty();
    }
    String first;
    try (Stream<String> mapped = Files.lines(MAPS)) {
      first = mapped.filter(line -> line.endsWith("/" + library)).findFirst().orElse("");
    }
    if (first.isEmpty()) {
      return OptionalLong.empty();
    }
    long base = Long.parseUnsignedLong(first, 0, first.indexOf('-'), 16);
    try (FileChannel file = FileChannel.open(Path.of(first.substring(first.indexOf('/'))))) {
      // With the zero that ends it.
      OptionalLong offset =
          offsetIn(
              file, ByteBuffer.wrap((variable + "\0").getBytes(StandardCharsets.US_ASCII)), bytes);
      return offset.isEmpty() ? offset : OptionalLong.of(base + offset.getAsLong());
    }
  }

  private static OptionalLong offsetIn(FileChannel file, ByteBuffer variable, long bytes)
      throws IOException {
    ByteBuffer header = part(file, 0, 64);
    if (header.getInt(0) != MAGIC) {
      return OptionalLong.empty();
    }
    int entryBytes = header.getShort(58);
    ByteBuffer sections = part(file, header.getLong(40), entryBytes * header.getShort(60));
    for (int at = 0; at < sections.limit(); at += entryBytes) {
      if (sections.getInt(at + 4) == SYMBOL_TABLE) {
        ByteBuffer symbols =
            part(file, sections.getLong(at + 24), Math.toIntExact(sections.getLong(at + 32)));
        long names = sections.getLong(entryBytes * sections.getInt(at + 40) + 24);
        return offsetIn(symbols, file, names, variable, bytes);
      }
    }
    return OptionalLong.empty();
  }

  private static OptionalLong offsetIn(
      ByteBuffer symbols, FileChannel file, long names, ByteBuffer variable, long bytes)
      throws IOException {
    for (int at = 0; at < symbols.limit(); at += SYMBOL_BYTES) {
      if ((symbols.get(at + 4) & 0xF) == VARIABLE && symbols.getLong(at + 16) >= bytes) {
        long name = names + Integer.toUnsignedLong(symbols.getInt(at));
        if (part(file, name, variable.limit()).equals(variable)) {
          return OptionalLong.of(symbols.getLong(at + 8));
        }
      }
    }
    return OptionalLong.empty();
  }

  // Read, not mapped: a mapping would stay until the garbage collector comes.
  private static ByteBuffer part(FileChannel file, long start, int bytes) throws IOException {
    ByteBuffer part = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (part.hasRemaining()) {
      if (file.read(part, start + part.position()) < 0) {
        throw new EOFException("the file ends within a table of symbols");
      }
    }
    return part.flip();
  }
}
