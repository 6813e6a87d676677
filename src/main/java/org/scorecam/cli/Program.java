package org.scorecam.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.ScoreCamException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The program: explains images, lists layers, measures, and says how the machine is set up. */
@Command(
    name = "scorecam",
    description = "Score-CAM shows what a convolutional network looked at, without gradients.",
    mixinStandardHelpOptions = true,
    versionProvider = Program.Version.class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "1:any other failure",
      "2:wrong usage",
      "3:bad model, layer, class, input, device or precision",
      "4:out of memory",
    })
final class Program implements Runnable {
  /** By name, in the order in which they are listed. */
  private static final List<Map.Entry<String, Class<?>>> COMMANDS =
      List.of(
          Map.entry("explain", ExplainCommand.class),
          Map.entry("evaluate", EvaluateCommand.class),
          Map.entry("layers", LayersCommand.class),
          Map.entry("diagnostics", DiagnosticsCommand.class),
          Map.entry("demo", DemoCommand.class),
          Map.entry("bench", BenchCommand.class));

  @Spec private CommandSpec spec;

  @Option(
      names = "--verbose",
      scope = ScopeType.INHERIT,
      description = "On failure, print the stack trace as well.")
  private boolean verbose;

  private Program() {}

  /** Says which version this is. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      // The manifest's is not read on the module path.
      Module module = Program.class.getModule();
      String version =
          module.isNamed()
              ? module.getDescriptor().rawVersion().orElse(null)
              : Program.class.getPackage().getImplementationVersion();
      return new String[] {"scorecam " + (version == null ? "(development)" : version)};
    }
  }

  /**
   * Runs a command.
   *
   * @param out for results
   * @param err for messages
   * @param arguments the command line
   * @return the exit code
   */
  static int run(PrintWriter out, PrintWriter err, String... arguments) {
    CommandLine main = new CommandLine(new Program());
    String first = arguments.length == 0 ? "" : arguments[0];
    List<Map.Entry<String, Class<?>>> named =
        COMMANDS.stream().filter(command -> command.getKey().equals(first)).toList();
    // Looking at the options of all commands takes longer than parsing those of one.
    (named.isEmpty() ? COMMANDS : named)
        .forEach(command -> main.addSubcommand(command.getKey(), command.getValue()));
    return main.setOut(out)
        .setErr(err)
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setParameterExceptionHandler((thrown, given) -> printMisuse(thrown))
        .setExecutionExceptionHandler(
            (thrown, commandLine, parsed) -> {
              printFailure(commandLine, messageOf(thrown), thrown);
              return ExitCode.of(thrown);
            })
        .execute(arguments);
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command.");
  }

  /** Says what is wrong with the command line; all options in between would hide it. */
  private static int printMisuse(ParameterException thrown) {
    CommandLine command = thrown.getCommandLine();
    PrintWriter err = command.getErr();
    err.println("scorecam: " + thrown.getMessage().replaceFirst("^Error: ", ""));
    UnmatchedArgumentException.printSuggestions(thrown, err);
    if (isStrayWord(thrown) && command.getCommandSpec().optionsMap().containsKey("--image")) {
      err.println("Pictures are given with --image");
    }
    if (!command.getSubcommands().isEmpty()) {
      command.usage(err);
      return ExitCode.USAGE;
    }
    if (thrown instanceof MissingParameterException) {
      // It names one of those that are missing.
      err.print("Usage: " + command.getHelp().synopsis("Usage: ".length()));
    }
    err.println(command.getCommandSpec().qualifiedName() + " --help lists the options");
    return ExitCode.USAGE;
  }

  private static boolean isStrayWord(ParameterException thrown) {
    return thrown instanceof UnmatchedArgumentException unmatched && !unmatched.isUnknownOption();
  }

  /** Says what went wrong; with {@code --verbose} also where. */
  static void printFailure(CommandLine command, String message, Throwable thrown) {
    command.getErr().println("scorecam: " + message);
    Program main = (Program) command.getCommandSpec().root().userObject();
    if (main.verbose) {
      thrown.printStackTrace(command.getErr());
    }
  }

  static String messageOf(Throwable thrown) {
    return thrown instanceof ScoreCamException
        ? thrown.getMessage()
        : thrown.getClass().getSimpleName() + ": " + NativeErrors.messageOf(thrown);
  }
}
