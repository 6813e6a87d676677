package org.scorecam.cli;

import org.scorecam.scoring.PassSettings;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say how many masked inputs are scored at once. */
final class PassOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--batch",
      paramLabel = "B",
      converter = Positive.class,
      description = "Masked inputs scored at once; by default as many as are fastest.")
  private Integer batch;

  @Option(
      names = "--workers",
      paramLabel = "W",
      converter = Positive.class,
      description =
          "Chunks of masked inputs scored beside each other on the CPU, which share the threads; by"
              + " default one for each thread, or 1 if that is faster.")
  private Integer workers;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      converter = MemorySize.Converter.class,
      description =
          "Memory that the masked inputs scored at once may take, with the network's activations:"
              + " 512m, 2g, …; default: a quarter of what is available. Not with --batch.")
  private MemorySize memory;

  @Option(
      names = "--cuda-graphs",
      description =
          "Record the network's run on a chunk of masked inputs as a CUDA graph, and replay it for"
              + " those that follow; not yet run on a GPU. Only with --device cuda:N.")
  private boolean cudaGraphs;

  /** Whether one of them was given. */
  boolean given() {
    return batch != null || workers != null || memory != null || cudaGraphs;
  }

  /** Refuses those that do not go with each other. */
  void requireFitting() {
    if (batch != null && memory != null) {
      throw new ParameterException(
          command.commandLine(), "--batch and --memory cannot be used together");
    }
  }

  /** Tells a builder those that were given, which must be {@link #requireFitting fitting}. */
  void applyTo(PassSettings<?> settings) {
    settings.cudaGraphs(cudaGraphs);
    if (batch != null) {
      settings.batch(batch);
    }
    if (workers != null) {
      settings.workers(workers);
    }
    if (memory != null) {
      settings.memory(memory.bytes());
    }
  }
}
