package org.scorecam.cli;

import java.nio.file.Path;
import java.util.List;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NpyFile;
import org.scorecam.weights.LoadReport;
import org.scorecam.weights.WeightFile;
import org.scorecam.zoo.LoadedNetwork;
import org.scorecam.zoo.Zoo;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** The options that say which network runs and where. */
final class ModelOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @ArgGroup(multiplicity = "1")
  private Network network;

  /** Where the network comes from. */
  private static final class Network {
    @Option(
        names = "--model",
        paramLabel = "FILE",
        description = "TorchScript file of the network.")
    private Path file;

    @Option(
        names = "--arch",
        paramLabel = "NAME",
        description = "torchvision architecture, such as resnet18; needs --weights.")
    private String architecture;
  }

  @Option(
      names = "--weights",
      paramLabel = "FILE",
      description =
          "Weight file for --arch: .pth, .safetensors, or the .index.json or folder of shards.")
  private Path weights;

  @Option(
      names = "--weights-key",
      paramLabel = "KEY",
      description =
          "Which weights of --weights, where it has several: the key of a dict, such as model_ema,"
              + " with dots to go further inside, and positions in lists (models.0).")
  private String weightsKey;

  @Option(
      names = "--classes",
      paramLabel = "N",
      converter = Positive.class,
      description = "Classes of --arch; default: as many as --weights has.")
  private Integer classes;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda:N",
      split = ",",
      defaultValue = "cpu",
      converter = DeviceConverter.class,
      description =
          "Where the network runs; default: ${DEFAULT-VALUE}. To explain pictures, several devices"
              + " separated by commas share the work. Not yet run on a GPU.")
  private List<Device> devices;

  @Option(
      names = "--threads",
      paramLabel = "T",
      converter = Positive.class,
      description =
          "Threads of one operation, or shared by the workers; default: one per physical core.")
  private Integer threads;

  @Option(
      names = "--extra",
      paramLabel = "FILE.npy",
      description =
          "What the network takes beside the input, such as a mask or a label, the same in every"
              + " pass; given once for each further parameter of its forward.")
  private List<Path> extras = List.of();

  @Option(
      names = "--operators",
      paramLabel = "FILE",
      description =
          "Shared library with operators that the network calls, such as torchvision's; more than"
              + " one may be given.")
  private List<Path> operators = List.of();

  /** How the weights were loaded; the same for all replicas of the network. */
  private LoadReport loadReport;

  /** Loads the network on the one device; owned by the caller. */
  HookedModel load() {
    if (devices.size() > 1) {
      throw new ParameterException(
          command.commandLine(),
          "--device takes several devices only to explain pictures (--image)");
    }
    return loadOn(devices.get(0));
  }

  /** Where it is to run: one device, or several for replicas of it. */
  List<Device> devices() {
    return devices;
  }

  /** Whether a network was named. */
  boolean isGiven() {
    return network != null;
  }

  /** Sets the threads that were asked for. */
  void setThreads() {
    if (threads != null) {
      LibTorch.setThreads(threads);
    }
  }

  /** Loads the network; owned by the caller. */
  HookedModel loadOn(Device device) {
    if (network.architecture != null && weights == null) {
      throw new ParameterException(command.commandLine(), "--arch needs --weights");
    }
    if (network.file != null && weights != null) {
      throw new ParameterException(
          command.commandLine(),
          "--weights needs --arch, since a TorchScript file brings its own weights;"
              + " to write the channel weights, use --channel-weights FILE.npy");
    }
    if (network.architecture == null && (weightsKey != null || classes != null)) {
      throw new ParameterException(
          command.commandLine(),
          (weightsKey == null ? "--classes" : "--weights-key") + " needs --arch and --weights");
    }
    setThreads();
    operators.forEach(LibTorch::loadOperators);
    HookedModel loaded =
        network.architecture == null
            ? TorchScriptModel.load(network.file, device)
            : loadArchitecture(device);
    return extras.isEmpty() ? loaded : withExtras(loaded);
  }

  private HookedModel withExtras(HookedModel loaded) {
    try (loaded;
        NativeScope scope = NativeScope.open()) {
      return loaded.withFixedInputs(extras.stream().map(NpyFile::read).toList());
    }
  }

  private HookedModel loadArchitecture(Device device) {
    try (WeightFile file = WeightFile.open(weights, weightsKey == null ? "" : weightsKey)) {
      LoadedNetwork loaded =
          classes == null
              ? Zoo.loadFrom(network.architecture, file, device)
              : Zoo.loadFrom(network.architecture, file, classes, device);
      boolean first = loadReport == null;
      loadReport = loaded.report();
      if (first && !loadReport.origin().isPlain()) {
        command
            .commandLine()
            .getErr()
            .println("scorecam: " + weights + ": " + loadReport.summary());
      }
      return loaded.model();
    }
  }

  /** Tells a report how the weights were loaded, if they come from a file of their own. */
  void tell(Report report) {
    if (loadReport != null) {
      report.setWeights(weights, loadReport);
    }
  }

  /** The TorchScript file, or null for a network that is built. */
  Path file() {
    return network.file;
  }

  /** What the network is called: its file's name, or its architecture. */
  String name() {
    return network.file == null ? network.architecture : network.file.getFileName().toString();
  }

  private static final class DeviceConverter implements ITypeConverter<Device> {
    @Override
    public Device convert(String name) {
      try {
        return Device.parse(name);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
