package org.scorecam.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.file.FileErrors;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.tensor.Tensors;

/**
 * A plain Score-CAM in a JVM of its own with LibTorch's default settings: what someone gets who
 * writes it down as published. Asked for an explanation, it computes; otherwise it waits.
 */
public final class PlainProcess implements Contestant {
  private static final long EXIT_SECONDS = 5;

  /** Settings that are not LibTorch's, and that both JVMs should have. */
  private static final List<String> PASSED_ON =
      List.of("scorecam.", "org.bytedeco.javacpp.", "java.io.tmpdir", "java.library.path");

  private final String name;
  private final Path folder;
  private final Process process;
  private final BufferedWriter requests;
  private final BufferedReader answers;
  private final long residentIdle;
  private OptionalLong residentPeak = OptionalLong.empty();
  private Duration busyUntil = Duration.ZERO;
  private Duration busyWaiting = Duration.ZERO;
  private boolean closed;

  /**
   * What is explained.
   *
   * @param model TorchScript file
   * @param device where it runs
   * @param image [1, C, H, W]
   * @param activations of the target layer for it, [K, h, w]
   * @param classIndex of interest
   */
  public record Task(
      Path model, Device device, Tensor image, Tensor activations, long classIndex) {}

  /**
   * Starts the process and has it load the network.
   *
   * @param task what it will explain; its tensors may be closed afterwards
   * @param tuned whether it sets LibTorch up as we do
   * @throws InputException if the process cannot be started, or cannot load the network
   */
  public PlainProcess(Task task, boolean tuned) {
    name = tuned ? "baseline, our set-up" : "baseline";
    try {
      folder = Files.createTempDirectory("scorecam-baseline");
      ProcessBuilder builder = new ProcessBuilder(command());
      builder.redirectError(folder.resolve("errors").toFile());
      process = builder.start();
    } catch (IOException e) {
      throw new InputException("the baseline cannot be started: " + FileErrors.reasonOf(e), e);
    }
    requests =
        new BufferedWriter(
            new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
    answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    try {
      residentIdle = ask(describe(task, tuned)).get("resident").getAsLong();
      busyUntil = busy();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static List<String> command() {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    System.getProperties()
        .forEach(
            (key, value) -> {
              if (PASSED_ON.stream().anyMatch(key.toString()::startsWith)) {
                command.add("-D" + key + "=" + value);
              }
            });
    // JavaCPP refuses tensors above the heap's size otherwise.
    command.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    String worker = PlainWorker.class.getName();
    String module = PlainProcess.class.getModule().getName();
    if (module == null) {
      command.addAll(List.of("-cp", System.getProperty("java.class.path"), worker));
    } else {
      command.addAll(
          List.of(
              "-p",
              System.getProperty("jdk.module.path"),
              "--add-modules",
              "ALL-MODULE-PATH",
              "-m",
              module + "/" + worker));
    }
    return command;
  }

  private JsonObject describe(Task task, boolean tuned) {
    JsonObject described = new JsonObject();
    described.addProperty("tuned", tuned);
    described.addProperty("threads", LibTorch.threads());
    described.addProperty("model", task.model.toAbsolutePath().toString());
    described.addProperty("device", task.device.toString());
    described.addProperty("class", task.classIndex);
    described.add("image", write("image", task.image));
    described.add("activations", write("activations", task.activations));
    return described;
  }

  private JsonObject write(String file, Tensor tensor) {
    JsonObject described = new JsonObject();
    JsonArray shape = new JsonArray();
    for (long size : tensor.shape()) {
      shape.add(size);
    }
    described.add("shape", shape);
    described.addProperty("file", folder.resolve(file).toString());
    try {
      RawFloats.write(folder.resolve(file), Tensors.toArray(tensor));
    } catch (IOException e) {
      throw new InputException(
          "the baseline's input cannot be written: " + FileErrors.reasonOf(e), e);
    }
    return described;
  }

  private JsonObject ask(JsonObject request) {
    try {
      requests.write(request + "\n");
      requests.flush();
      String line = answers.readLine();
      if (line != null) {
        JsonObject answer = JsonParser.parseString(line).getAsJsonObject();
        if (answer.has("error")) {
          throw new InputException("the baseline failed: " + answer.get("error").getAsString());
        }
        return answer;
      }
      throw new InputException("the baseline's process ended early: " + lastWords());
    } catch (IOException e) {
      throw new InputException("the baseline's process ended early: " + lastWords(), e);
    }
  }

  private String lastWords() {
    try {
      List<String> lines = Files.readAllLines(folder.resolve("errors"));
      return lines.isEmpty() ? "it printed nothing" : lines.get(0);
    } catch (IOException e) {
      return "its error output cannot be read";
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Lap run() {
    busyWaiting = busyWaiting.plus(busy().minus(busyUntil));
    JsonObject answer = ask(new JsonObject());
    busyUntil = busy();
    if (answer.has("peak")) {
      residentPeak = OptionalLong.of(answer.get("peak").getAsLong());
    }
    return new Lap(
        answer.get("seconds").getAsDouble(), answer.get("passes").getAsLong(), Optional.empty());
  }

  private Duration busy() {
    return process.info().totalCpuDuration().orElse(Duration.ZERO);
  }

  /**
   * The map of the last run.
   *
   * @return H·W values in row-major order
   */
  public float[] map() {
    Path file = folder.resolve("map");
    JsonObject request = new JsonObject();
    request.addProperty("map", file.toString());
    ask(request);
    try {
      return RawFloats.read(file);
    } catch (IOException e) {
      throw new InputException("the baseline's map cannot be read: " + FileErrors.reasonOf(e), e);
    }
  }

  /**
   * The most physical memory that it had, above what it had with the network loaded.
   *
   * @return bytes, or nothing where the system does not say
   */
  public OptionalLong peakAboveIdle() {
    return residentPeak.isPresent()
        ? OptionalLong.of(residentPeak.getAsLong() - residentIdle)
        : OptionalLong.empty();
  }

  /**
   * The processor time that it took while it should have waited: before its first run, and between
   * the others. It would be taken from whoever ran meanwhile.
   *
   * @return to the system's clock tick, mostly 10 ms
   */
  public Duration busyWaiting() {
    return busyWaiting;
  }

  /** Ends the process. Closing again does nothing. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try (requests;
        answers) {
      requests.close();
      if (!process.waitFor(EXIT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      process.destroyForcibly();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    try (Stream<Path> files = Files.list(folder)) {
      files.map(Path::toFile).forEach(File::delete);
    } catch (IOException e) {
      // Left to the system's cleaning of temporary files.
    }
    folder.toFile().delete();
  }
}
