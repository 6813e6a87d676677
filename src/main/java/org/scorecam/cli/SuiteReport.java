package org.scorecam.cli;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.bench.Lap;
import org.scorecam.bench.Laps;
import org.scorecam.bench.MachinePeaks;
import org.scorecam.bench.Suite;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.tensor.Tensors;

/** What {@code bench --suite} found: a line for each network. */
final class SuiteReport extends BenchOutput {
  private static final double MILLISECONDS = 1e3;
  private static final double BILLION = 1e9;

  private final MachinePeaks peaks;
  private final JsonArray networks = new JsonArray();

  /** Starts with the machine. */
  SuiteReport(Tensor input, Device device, String channels, MachinePeaks peaks, int runs) {
    this.peaks = peaks;
    JsonObject setting = new JsonObject();
    setting.addProperty("input", Tensors.shapeOf(input));
    setting.addProperty("device", device.toString());
    setting.addProperty("threads", LibTorch.threads());
    setting.addProperty("channels", channels);
    setting.addProperty("runs", runs);
    json.add("setting", setting);
    addMachine();
    JsonObject reached = new JsonObject();
    reached.addProperty("float32", peaks.float32());
    reached.addProperty("bfloat16", peaks.bfloat16());
    reached.addProperty("copyBytesPerSecond", peaks.copy());
    json.add("peaks", reached);
    json.add("networks", networks);
    line(
        "masked inputs like %s on %s with %s, channels %s, medians of %d runs",
        Tensors.shapeOf(input),
        device,
        LibTorch.threads() == 1 ? "1 thread" : LibTorch.threads() + " threads",
        channels,
        runs);
    line(
        "matrix products in float32 %.0f GFLOP/s, in bfloat16 %.0f GFLOP/s; copies %.1f GB/s",
        peaks.float32() / BILLION, peaks.bfloat16() / BILLION, peaks.copy() / BILLION);
    line("");
    line(
        "%-18s%8s%10s%10s%8s%8s%10s%9s%10s  %s",
        "",
        "GFLOP",
        "ms/pass",
        "GFLOP/s",
        "peak, %",
        "/ alone",
        "plain",
        "faster",
        "map off",
        "scored in");
  }

  /** Adds a network. */
  void add(Suite.Entry entry) {
    double operations = 2.0 * entry.multiplyAdds();
    double ours = entry.ours().seconds() / entry.ours().passes();
    double plain = entry.plain().seconds() / entry.plain().passes();
    line(
        "%-18s%8.2f%10.2f%10.0f%8.0f%8.2f%10.2f%9.2f%10.1e  %s",
        entry.name(),
        operations / BILLION,
        ours * MILLISECONDS,
        operations / ours / BILLION,
        PER_CENT * operations / ours / peaks.float32(),
        entry.overAlone(),
        plain * MILLISECONDS,
        entry.speedup(),
        entry.agreement().largestDifference(),
        entry.scorer());
    JsonObject network = new JsonObject();
    network.addProperty("name", entry.name());
    network.addProperty("operations", operations);
    network.addProperty("scorer", entry.scorer());
    network.addProperty("millisecondsPerPass", ours * MILLISECONDS);
    network.addProperty("operationsPerSecond", operations / ours);
    network.addProperty("plainMillisecondsPerPass", plain * MILLISECONDS);
    network.addProperty("overAlone", entry.overAlone());
    network.addProperty("speedup", entry.speedup());
    network.addProperty("largestMapDifference", entry.agreement().largestDifference());
    network.add("runs", secondsOf(entry.ours()));
    network.add("plainRuns", secondsOf(entry.plain()));
    networks.add(network);
  }

  private static JsonArray secondsOf(Laps laps) {
    JsonArray seconds = new JsonArray();
    laps.laps().stream().map(Lap::seconds).forEach(seconds::add);
    return seconds;
  }
}
