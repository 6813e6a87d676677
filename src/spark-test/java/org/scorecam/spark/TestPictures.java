package org.scorecam.spark;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Goldens;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;

/** Pictures for a small network, and the maps that it has for them without Spark. */
final class TestPictures {
  static final String MODEL = "tinyresnet_script.pt";
  static final String LAYER = "layer3";

  /** Few, for tests that end soon. */
  static final String CHANNELS = "max:16";

  static final double TOLERANCE = 1e-5;

  private static final int SIDE = 64;

  private TestPictures() {}

  static Picture picture(int seed) {
    byte[] rgb = new byte[3 * SIDE * SIDE];
    new Random(seed).nextBytes(rgb);
    return Picture.of(SIDE, SIDE, rgb);
  }

  /** A transformer for them. */
  static ScoreCamTransformer transformer() {
    return new ScoreCamTransformer()
        .setModel(Goldens.file(MODEL).toUri().toString())
        .setLayer(LAYER)
        .setChannels(CHANNELS)
        .setPreprocess("none");
  }

  /** Rows of a number and a picture's file: good ones, each of the number's seed. */
  static List<Row> rows(int count) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      rows.add(RowFactory.create(i, picture(i).toPng()));
    }
    return rows;
  }

  static Dataset<Row> dataset(SparkSession spark, List<Row> rows, int partitions) {
    StructType schema =
        new StructType().add("id", DataTypes.IntegerType).add("content", DataTypes.BinaryType);
    return spark.createDataFrame(
        JavaSparkContext.fromSparkContext(spark.sparkContext()).parallelize(rows, partitions),
        schema);
  }

  /** The map's values in a result. */
  static float[] map(Row saliency) {
    byte[] bytes = saliency.getAs("map");
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  /** An explainer as the transformer's tasks have it; owned by the caller. */
  static ScoreCam cam(HookedModel model) {
    return ScoreCam.on(model).layer(LAYER).channels(ChannelSelection.parse(CHANNELS)).build();
  }

  /** What the network has for the pictures of some seeds, from 0, without Spark. */
  static List<float[]> expected(int count, Target target) {
    List<float[]> maps = new ArrayList<>();
    try (HookedModel model = Goldens.model(MODEL);
        ScoreCam cam = cam(model)) {
      for (int i = 0; i < count; i++) {
        try (Tensor input = Preprocessing.none().apply(picture(i));
            Saliency saliency = cam.explain(input, target)) {
          maps.add(saliency.values());
        }
      }
    }
    return maps;
  }
}
