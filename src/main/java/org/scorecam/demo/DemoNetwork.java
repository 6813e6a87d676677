package org.scorecam.demo;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.scorecam.error.ModelException;

/**
 * The trained network that the jar carries: which {@link ShapeKind kinds} a scene holds.
 *
 * <p>A TorchScript file. Its input is float32 [N, 3, H, W], R, G, B in [0, 1] without further
 * normalisation, trained at {@value SceneGenerator#SIZE} × {@value SceneGenerator#SIZE}; its output
 * [N, 6] is one score per kind before the sigmoid, positive for a kind that is there. {@link
 * TrainDemo} made it.
 */
public final class DemoNetwork {
  /** The layer to explain: the last activation maps, [N, 96, H / 16, W / 16]. */
  public static final String LAYER = "features";

  static final String FILE = "shapes.pt";

  private DemoNetwork() {}

  /**
   * Where the file is.
   *
   * @return its place in the jar
   * @throws ModelException if this build does not carry it
   */
  public static URL resource() {
    URL resource = DemoNetwork.class.getResource(FILE);
    if (resource == null) {
      throw new ModelException("the demo's network " + FILE + " is missing from the class path");
    }
    return resource;
  }

  /**
   * Copies the network out of the jar, for LibTorch to load.
   *
   * @return a new temporary file, which the caller deletes
   * @throws ModelException if this build does not carry it
   * @throws UncheckedIOException if there is no place for it
   */
  public static Path extract() {
    try (InputStream packed = resource().openStream()) {
      Path file = Files.createTempFile("scorecam-shapes-", ".pt");
      Files.copy(packed, file, StandardCopyOption.REPLACE_EXISTING);
      return file;
    } catch (IOException e) {
      throw new UncheckedIOException("the demo's network cannot be unpacked: " + e.getMessage(), e);
    }
  }
}
