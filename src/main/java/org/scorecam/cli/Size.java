package org.scorecam.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** A width and height in pixels, written {@code WxH}. */
record Size(int width, int height) {
  private static final Pattern SPELLING = Pattern.compile("(\\d{1,5})x(\\d{1,5})");

  /** Reads {@code WxH}. */
  static final class Converter implements ITypeConverter<Size> {
    @Override
    public Size convert(String text) {
      Matcher spelling = SPELLING.matcher(text);
      if (spelling.matches()) {
        Size size =
            new Size(Integer.parseInt(spelling.group(1)), Integer.parseInt(spelling.group(2)));
        if (size.width > 0 && size.height > 0) {
          return size;
        }
      }
      throw new TypeConversionException(
          "'%s' is not a size; write WIDTHxHEIGHT in pixels, such as 224x224".formatted(text));
    }
  }
}
