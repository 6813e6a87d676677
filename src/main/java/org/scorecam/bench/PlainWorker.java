package org.scorecam.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.NativeErrors;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.LibTorchWork;

/**
 * The process of {@link PlainProcess}: it loads LibTorch as anyone would, with our set-up only if
 * it is told to, and explains when it is asked. It takes and answers lines of JSON.
 */
final class PlainWorker {
  /** Of all our classes; kept, since a level is forgotten with its logger. */
  private static final Logger LOG = Logger.getLogger("org.scorecam");

  private final JitModule network;
  private final Tensor image;
  private final Tensor activations;
  private final long classIndex;
  private final boolean tuned;
  private Tensor map;

  private PlainWorker(JsonObject job) throws IOException {
    tuned = job.get("tuned").getAsBoolean();
    if (tuned) {
      LibTorch.load();
    } else {
      Loader.load(torch.class);
    }
    int threads = job.get("threads").getAsInt();
    if (torch.get_num_threads() != threads) {
      torch.set_num_threads(threads);
    }
    Device device = new Device(job.get("device").getAsString());
    network = torch.load(job.get("model").getAsString(), new DeviceOptional(device), false);
    network.eval();
    image = tensor(job.getAsJsonObject("image")).to(device, ScalarType.Float);
    activations = tensor(job.getAsJsonObject("activations")).to(device, ScalarType.Float);
    classIndex = job.get("class").getAsLong();
  }

  /**
   * Serves until its input ends, which it does when the process that started it ends.
   *
   * @param arguments none
   * @throws IOException if the pipe breaks
   */
  public static void main(String[] arguments) throws IOException {
    // Its host reads the errors for what went wrong.
    LOG.setLevel(Level.WARNING);
    PrintStream answers = System.out;
    // Whatever else is printed must not stand among the answers.
    System.setOut(System.err);
    BufferedReader requests =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PlainWorker worker = null;
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      JsonObject request = JsonParser.parseString(line).getAsJsonObject();
      JsonObject answer = new JsonObject();
      try {
        if (worker == null) {
          worker = new PlainWorker(request);
          answer.addProperty("resident", Pointer.physicalBytes());
        } else if (request.has("map")) {
          RawFloats.write(Path.of(request.get("map").getAsString()), valuesOf(worker.map));
        } else {
          worker.explain(answer);
        }
      } catch (RuntimeException | LinkageError | OutOfMemoryError e) {
        answer.addProperty("error", NativeErrors.messageOf(e));
      }
      answers.println(answer);
      answers.flush();
    }
  }

  private void explain(JsonObject answer) {
    if (map != null) {
      map.close();
    }
    try (LibTorchWork work = tuned ? LibTorchWork.begin() : null) {
      time(answer);
    }
  }

  private void time(JsonObject answer) {
    long start = System.nanoTime();
    map = PlainScoreCam.explain(PlainScoreCam.of(network), image, activations, classIndex);
    // On CUDA the first copy waits for everything before it.
    map.cpu().close();
    Lap lap = Lap.since(start, activations.size(0));
    answer.addProperty("seconds", lap.seconds());
    answer.addProperty("passes", lap.passes());
    ResidentMemory.highest().ifPresent(peak -> answer.addProperty("peak", peak));
  }

  private static Tensor tensor(JsonObject described) throws IOException {
    float[] values = RawFloats.read(Path.of(described.get("file").getAsString()));
    JsonArray sizes = described.getAsJsonArray("shape");
    long[] shape = new long[sizes.size()];
    for (int i = 0; i < shape.length; i++) {
      shape[i] = sizes.get(i).getAsLong();
    }
    return Tensor.create(values, shape);
  }

  private static float[] valuesOf(Tensor tensor) {
    float[] values = new float[(int) tensor.numel()];
    try (Tensor plain = tensor.cpu().contiguous()) {
      new FloatPointer(plain.data_ptr()).get(values);
    }
    return values;
  }
}
