package org.scorecam.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** An amount of memory, written as in the JVM's own options: {@code 512m}. */
record MemorySize(long bytes) {
  private static final Pattern SPELLING = Pattern.compile("(\\d{1,12})([kmgt]?)");
  private static final String UNITS = "kmgt";
  private static final int LOG2_OF_STEP = 10;

  /** Reads a whole number, in bytes or followed by k, m, g or t of 1024 each. */
  static final class Converter implements ITypeConverter<MemorySize> {
    @Override
    public MemorySize convert(String text) {
      Matcher spelling = SPELLING.matcher(text.toLowerCase(Locale.ROOT));
      if (spelling.matches()) {
        long number = Long.parseLong(spelling.group(1));
        String unit = spelling.group(2);
        int shift = unit.isEmpty() ? 0 : LOG2_OF_STEP * (UNITS.indexOf(unit) + 1);
        if (number > 0 && number <= Long.MAX_VALUE >> shift) {
          return new MemorySize(number << shift);
        }
      }
      throw new TypeConversionException(
          "'%s' is not an amount of memory; write a whole number and k, m, g or t, such as 512m"
              .formatted(text));
    }
  }
}
