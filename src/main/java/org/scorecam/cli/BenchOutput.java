package org.scorecam.cli;

import com.google.gson.JsonObject;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.scorecam.runtime.Diagnostics;

/** What was measured, as lines to read and as JSON. */
abstract class BenchOutput {
  static final double PER_CENT = 100;
  static final double MEBIBYTE = 1 << 20;

  final JsonObject json = new JsonObject();
  private final List<String> lines = new ArrayList<>();

  final void line(String format, Object... values) {
    lines.add(String.format(Locale.ROOT, format, values));
  }

  final void addMachine() {
    JsonObject machine = new JsonObject();
    Diagnostics.collect().facts().forEach(machine::addProperty);
    json.add("machine", machine);
  }

  /** Prints what has been added since it was last printed. */
  final void print(PrintWriter out) {
    lines.forEach(out::println);
    lines.clear();
    out.flush();
  }

  /** Writes the JSON, whole or not at all. */
  final void write(Path file) {
    JsonFile.write(file, json);
  }
}
