package org.scorecam.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Makes what the jar carries for the demo: trains the network and draws the scenes.
 *
 * <pre>
 * java -cp target/scorecam.jar org.scorecam.demo.TrainDemo src/main/resources/org/scorecam/demo
 * </pre>
 *
 * <p>A few minutes on two cores. The seed is fixed; on one machine two runs give the same weights,
 * on another the last bits of a sum may differ, and the weights with them.
 */
public final class TrainDemo {
  private static final long SEED = 1;

  /** One of two objects and one of three; not of those that the tests measure on. */
  private static final long[] SCENES = {1_000_000, 1_000_001};

  private TrainDemo() {}

  /**
   * Writes {@code shapes.pt}, {@code scene-1.png}, {@code scene-2.png} and {@code scenes.json}.
   *
   * @param args the folder to write to, made if it is not there
   * @throws IOException if it cannot be made
   */
  public static void main(String[] args) throws IOException {
    if (args.length != 1) {
      System.err.println("usage: TrainDemo FOLDER");
      System.exit(2);
    }
    Path folder = Files.createDirectories(Path.of(args[0]));
    long start = System.nanoTime();
    DemoTrainer.train(SEED, folder.resolve(DemoNetwork.FILE), System.out);
    DemoScenes.write(folder, SCENES);
    System.out.printf(
        "%s written after %d s%n", folder, Duration.ofNanos(System.nanoTime() - start).toSeconds());
  }
}
