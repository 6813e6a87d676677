package org.scorecam.cli;

import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.bytedeco.javacpp.Loader;
import org.scorecam.runtime.LibTorchWork;

/** Starts the program. Needs none of the libraries that only the program has, to say so. */
public final class Main {
  /** Of all our classes; kept, since a level is forgotten with its logger. */
  private static final Logger LOG = Logger.getLogger("org.scorecam");

  /** JavaCPP's: which of a platform's natives to take beside the usual ones. */
  private static final String EXTENSION = "org.bytedeco.javacpp.platform.extension";

  private Main() {}

  /**
   * Runs a command and ends the process with its exit code.
   *
   * @param arguments the command line
   */
  public static void main(String[] arguments) {
    // What LibTorch is set up with is shown by diagnostics.
    if (LOG.getLevel() == null) {
      LOG.setLevel(Level.WARNING);
    }
    int exitCode;
    try {
      leaveOutCuda();
      exitCode = Program.run(writerTo(System.out), writerTo(System.err), arguments);
      LibTorchWork.beginLast();
    } catch (NoClassDefFoundError e) {
      if (e.getMessage() == null || e.getMessage().contains(" ")) {
        // The class is there, and failed to initialise.
        throw e;
      }
      System.err.println(
          "scorecam: "
              + e.getMessage().replace('/', '.')
              + " is missing from the class path; run scorecam.jar with the lib folder beside it, or"
              + " add what the program needs and the library does not: info.picocli:picocli and"
              + " me.tongfei:progressbar");
      exitCode = 1;
    }
    System.exit(exitCode);
  }

  /**
   * Has JavaCPP not look for dozens of CUDA's libraries, in all jars and in the system's folders,
   * where LibTorch's natives have no use for them. That holds for the process, which is ours here.
   */
  private static void leaveOutCuda() {
    String withCuda =
        "org/bytedeco/pytorch/%s-gpu/%s"
            .formatted(Loader.Detector.getPlatform(), System.mapLibraryName("jnitorch"));
    if (System.getProperty(EXTENSION) == null
        && Main.class.getClassLoader().getResource(withCuda) == null) {
      System.setProperty(EXTENSION, "");
    }
  }

  private static PrintWriter writerTo(PrintStream stream) {
    return new PrintWriter(new OutputStreamWriter(stream, Charset.defaultCharset()), true);
  }
}
