package org.scorecam.pipeline;

import java.util.List;
import java.util.Optional;
import org.scorecam.Saliency;
import org.scorecam.image.Picture;

/**
 * What became of one picture: its saliency map, one for each target where there are several, or why
 * there is none. Owned by the caller, with the maps.
 */
public final class Explained implements AutoCloseable {
  private final long index;
  private final String name;
  private final Picture picture;
  private final int inputHeight;
  private final int inputWidth;
  private final List<Saliency> saliencies;
  private final double seconds;
  private final RuntimeException failure;

  /** A picture and what its input [1, C, H, W] gave. */
  Explained(
      long index,
      String name,
      Picture picture,
      long[] shape,
      List<Saliency> saliencies,
      double seconds) {
    this(index, name, picture, (int) shape[2], (int) shape[3], saliencies, seconds, null);
  }

  Explained(long index, String name, RuntimeException failure) {
    this(index, name, null, 0, 0, List.of(), 0, failure);
  }

  private Explained(
      long index,
      String name,
      Picture picture,
      int inputHeight,
      int inputWidth,
      List<Saliency> saliencies,
      double seconds,
      RuntimeException failure) {
    this.index = index;
    this.name = name;
    this.picture = picture;
    this.inputHeight = inputHeight;
    this.inputWidth = inputWidth;
    this.saliencies = List.copyOf(saliencies);
    this.seconds = seconds;
    this.failure = failure;
  }

  /**
   * The place among the sources.
   *
   * @return from 0
   */
  public long index() {
    return index;
  }

  /**
   * What the source is called.
   *
   * @return its name
   */
  public String name() {
    return name;
  }

  /**
   * Why there is no map.
   *
   * @return what reading, preprocessing or scoring threw; empty if all went well
   */
  public Optional<RuntimeException> failure() {
    return Optional.ofNullable(failure);
  }

  /**
   * The picture as it was read.
   *
   * @return the picture
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public Picture picture() {
    requireSuccess();
    return picture;
  }

  /**
   * The rows of the network's input for it.
   *
   * @return H
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public int inputHeight() {
    requireSuccess();
    return inputHeight;
  }

  /**
   * The columns of the network's input for it.
   *
   * @return W
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public int inputWidth() {
    requireSuccess();
    return inputWidth;
  }

  /**
   * The map of the first target.
   *
   * @return closed with this object
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public Saliency saliency() {
    return saliencies().get(0);
  }

  /**
   * The maps of all targets.
   *
   * @return one for each target in their order, closed with this object
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public List<Saliency> saliencies() {
    requireSuccess();
    return saliencies;
  }

  /**
   * How long scoring took, for all targets, without reading and waiting.
   *
   * @return seconds; of pictures that were scored together, the same part for each
   */
  public double seconds() {
    return seconds;
  }

  /** Frees the maps. Closing again does nothing. */
  @Override
  public void close() {
    saliencies.forEach(Saliency::close);
  }

  private void requireSuccess() {
    if (failure != null) {
      throw failure;
    }
  }
}
