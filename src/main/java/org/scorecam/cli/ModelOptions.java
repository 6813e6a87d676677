package org.scorecam.cli;

import java.nio.file.Path;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The options that say which network runs and where. */
final class ModelOptions {
  @Option(
      names = "--model",
      paramLabel = "FILE",
      required = true,
      description = "TorchScript file.")
  private Path model;

  @Option(
      names = "--device",
      paramLabel = "cpu|cuda:N",
      defaultValue = "cpu",
      converter = DeviceConverter.class,
      description = "Where the network runs; ${DEFAULT-VALUE} unless given.")
  private Device device;

  @Option(
      names = "--threads",
      paramLabel = "T",
      converter = Positive.class,
      description = "Threads for one operation; one per physical core unless given.")
  private Integer threads;

  /** Loads the network; owned by the caller. */
  HookedModel load() {
    if (threads != null) {
      LibTorch.setThreads(threads);
    }
    return TorchScriptModel.load(model, device);
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
