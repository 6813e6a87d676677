package org.scorecam.cli;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.scorecam.error.NearestNames;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The methods by the names that they have on the command line. */
enum Method {
  SCORE_CAM,
  SS_CAM,
  IS_CAM,
  ABLATION_CAM,
  RECIPRO_CAM,
  VIT_RECIPRO_CAM,
  TIS,
  GRAD_CAM,
  GRAD_CAM_PLUS_PLUS,
  LAYER_CAM;

  private static List<String> names() {
    return Arrays.stream(values()).map(Method::toString).toList();
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace("_plus", "+").replace('_', '-');
  }

  /** For the help. */
  static final class Names implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return names().iterator();
    }
  }

  static final class Converter implements ITypeConverter<Method> {
    @Override
    public Method convert(String name) {
      return Arrays.stream(values())
          .filter(method -> method.toString().equals(name))
          .findFirst()
          .orElseThrow(
              () ->
                  new TypeConversionException(
                      "'%s' is not a method; the nearest are %s"
                          .formatted(name, String.join(", ", NearestNames.to(name, names())))));
    }
  }
}
