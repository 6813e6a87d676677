package org.scorecam.pipeline;

import java.util.Optional;
import org.scorecam.Saliency;
import org.scorecam.image.Picture;

/**
 * What became of one picture: its saliency map, or why there is none. Owned by the caller, with the
 * map.
 */
public final class Explained implements AutoCloseable {
  private final long index;
  private final String name;
  private final Picture picture;
  private final int inputHeight;
  private final int inputWidth;
  private final Saliency saliency;
  private final double seconds;
  private final RuntimeException failure;

  /** A picture and what its input [1, C, H, W] gave. */
  Explained(
      long index, String name, Picture picture, long[] shape, Saliency saliency, double seconds) {
    this(index, name, picture, (int) shape[2], (int) shape[3], saliency, seconds, null);
  }

  Explained(long index, String name, RuntimeException failure) {
    this(index, name, null, 0, 0, null, 0, failure);
  }

  private Explained(
      long index,
      String name,
      Picture picture,
      int inputHeight,
      int inputWidth,
      Saliency saliency,
      double seconds,
      RuntimeException failure) {
    this.index = index;
    this.name = name;
    this.picture = picture;
    this.inputHeight = inputHeight;
    this.inputWidth = inputWidth;
    this.saliency = saliency;
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
   * The map.
   *
   * @return closed with this object
   * @throws RuntimeException the {@link #failure}, if there is one
   */
  public Saliency saliency() {
    requireSuccess();
    return saliency;
  }

  /**
   * How long scoring took, without reading and waiting.
   *
   * @return seconds; of pictures that were scored together, the same part for each
   */
  public double seconds() {
    return seconds;
  }

  /** Frees the map. Closing again does nothing. */
  @Override
  public void close() {
    if (saliency != null) {
      saliency.close();
    }
  }

  private void requireSuccess() {
    if (failure != null) {
      throw failure;
    }
  }
}
