package org.scorecam.spark;

import java.io.Serializable;
import org.apache.spark.sql.types.StructType;
import org.scorecam.Target;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Preprocessing;

/**
 * What becomes of each picture.
 *
 * @param rows the columns, the result's the last; rows themselves may have no names of them
 * @param column where pictures are, among a row's
 * @param name the column that names them in messages, or -1
 * @param normalised as ImageNet's networks want it; otherwise values from 0 to 1 at the pictures'
 *     own size
 * @param width that pictures are stretched to, or 0
 * @param height likewise
 * @param grey whether they are converted to one channel
 * @param target the class of interest, or -1 for the likeliest
 * @param overlay whether the result has one
 */
record PictureSettings(
    StructType rows,
    int column,
    int name,
    boolean normalised,
    int width,
    int height,
    boolean grey,
    long target,
    boolean overlay)
    implements Serializable {
  Preprocessing preprocessing() {
    Preprocessing chosen = normalised ? Preprocessing.imagenet() : Preprocessing.none();
    if (width > 0) {
      chosen = chosen.stretch(width, height, Interpolation.BILINEAR);
    }
    return grey ? chosen.grey() : chosen;
  }

  Target whatIsExplained() {
    return target < 0 ? Target.top1() : Target.ofClass(target);
  }
}
