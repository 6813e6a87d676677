package org.scorecam.spark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.OptionalLong;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.scorecam.Saliency;
import org.scorecam.SaliencyStatus;
import org.scorecam.error.NativeErrors;
import org.scorecam.error.ScoreCamException;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Overlay;
import org.scorecam.image.Preprocessing;
import org.scorecam.pipeline.Explained;

/** The column of results. */
final class SaliencyColumn {
  private static final StructType STATUS =
      new StructType()
          .add("channels", DataTypes.LongType)
          .add("scoredChannels", DataTypes.LongType)
          .add("passes", DataTypes.LongType)
          .add("precision", DataTypes.StringType)
          .add("blank", DataTypes.BooleanType)
          .add("sawNonFinite", DataTypes.BooleanType);

  static final StructType TYPE =
      new StructType()
          .add("class", DataTypes.LongType)
          .add("score", DataTypes.FloatType)
          .add("height", DataTypes.IntegerType)
          .add("width", DataTypes.IntegerType)
          .add("map", DataTypes.BinaryType)
          .add("overlay", DataTypes.BinaryType)
          .add("status", STATUS)
          .add("error", DataTypes.StringType);

  private final Preprocessing preprocessing;
  private final boolean overlay;

  /**
   * Makes values of the column.
   *
   * @param preprocessing what the pictures went through
   * @param overlay whether there is one
   */
  SaliencyColumn(Preprocessing preprocessing, boolean overlay) {
    this.preprocessing = preprocessing;
    this.overlay = overlay;
  }

  /** The column's value for what became of a picture. */
  Row of(Explained explained) {
    return explained
        .failure()
        .map(failure -> rowOf(TYPE, null, null, null, null, null, null, null, say(failure)))
        .orElseGet(() -> ofMap(explained));
  }

  private static Row rowOf(StructType type, Object... values) {
    return new GenericRowWithSchema(values, type);
  }

  private static String say(RuntimeException failure) {
    return failure instanceof ScoreCamException
        ? failure.getMessage()
        : failure.getClass().getSimpleName() + ": " + NativeErrors.messageOf(failure);
  }

  private Row ofMap(Explained explained) {
    Saliency saliency = explained.saliency();
    OptionalLong classIndex = saliency.target().classIndex();
    int height = (int) saliency.height();
    int width = (int) saliency.width();
    float[] values = saliency.values();
    return rowOf(
        TYPE,
        classIndex.isPresent() ? classIndex.getAsLong() : null,
        saliency.referenceScore(),
        height,
        width,
        bytes(values),
        overlay ? overlay(explained, Heatmap.of(values, width, height)) : null,
        status(saliency),
        null);
  }

  private static byte[] bytes(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private byte[] overlay(Explained explained, Heatmap heatmap) {
    return Overlay.jet()
        .draw(heatmap, explained.picture(), preprocessing.regionOf(explained.picture()))
        .toPng();
  }

  private static Row status(Saliency saliency) {
    SaliencyStatus status = saliency.status();
    return rowOf(
        STATUS,
        status.channels(),
        status.scoredChannels(),
        status.passes(),
        saliency.plan().precision().toString(),
        status.blank(),
        status.sawNonFinite());
  }
}
