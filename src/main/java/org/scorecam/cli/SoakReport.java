package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.bench.Soak;
import org.scorecam.tensor.Tensors;

/** What {@code bench --soak} found. */
final class SoakReport extends BenchOutput {
  SoakReport(String name, Tensor sample, int explainers, List<Soak.Tenth> tenths) {
    json.addProperty("model", name);
    json.addProperty("largestInput", Tensors.shapeOf(sample));
    json.addProperty("explainers", explainers);
    addMachine();
    line(
        "%s, batches of 1 to 4 inputs of up to %s, %d explainers chosen at random",
        name, Tensors.shapeOf(sample), explainers);
    line("");
    line("%-14s%12s%22s%22s", "", "", "resident, MiB", "Java heap, MiB");
    line("%-14s%12s%11s%11s%22s", "explanations", "s", "mean", "highest", "committed");
    JsonArray list = new JsonArray();
    for (Soak.Tenth tenth : tenths) {
      line(
          "%-14d%12.1f%11.1f%11.1f%22.1f",
          tenth.explanations(),
          tenth.seconds(),
          tenth.mean() / MEBIBYTE,
          tenth.highest() / MEBIBYTE,
          tenth.javaHeap() / MEBIBYTE);
      JsonObject entry = new JsonObject();
      entry.addProperty("explanations", tenth.explanations());
      entry.addProperty("seconds", tenth.seconds());
      entry.addProperty("meanResidentBytes", tenth.mean());
      entry.addProperty("highestResidentBytes", tenth.highest());
      entry.addProperty("javaHeapBytes", tenth.javaHeap());
      list.add(entry);
    }
    json.add("tenths", list);
    double drift = Soak.drift(tenths);
    json.addProperty("drift", drift);
    line("");
    line(
        "after the first tenth, mean memory stays within %.1f %% of the second tenth's",
        PER_CENT * Math.abs(drift));
  }
}
