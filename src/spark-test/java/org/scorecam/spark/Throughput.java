package org.scorecam.spark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.scorecam.ScoreCam;
import org.scorecam.demo.DemoNetwork;
import org.scorecam.demo.SceneGenerator;
import org.scorecam.image.Picture;
import org.scorecam.image.Preprocessing;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.pipeline.Pipeline;
import org.scorecam.pipeline.Source;
import org.scorecam.runtime.Device;

/**
 * Rows per second on one and on two workers of one core each, against a plain pipeline on the same
 * two cores: drawn scenes, explained by the demo's network with 16 channels.
 *
 * <pre>{@code
 * mvn -Pspark package -DskipTests && mvn -Pspark exec:exec@spark-throughput
 * }</pre>
 */
final class Throughput {
  private static final String CHANNELS = "max:16";
  private static final int PARTITIONS = 8;
  private static final double NANOS = 1e9;

  private Throughput() {}

  /**
   * Measures.
   *
   * @param arguments how many pictures
   */
  public static void main(String[] arguments) throws Exception {
    int count = Integer.parseInt(arguments[0]);
    List<byte[]> scenes =
        IntStream.range(0, count)
            .mapToObj(seed -> Picture.of(SceneGenerator.scene(seed).image()).toPng())
            .toList();
    Path folder = Files.createTempDirectory("scorecam-throughput");
    for (int workers : new int[] {1, 2}) {
      try (StandaloneCluster cluster =
          new StandaloneCluster(Files.createDirectory(folder.resolve("w" + workers)), workers)) {
        onCluster(scenes, cluster, workers);
      }
    }
    // Last, since Spark's executors should not wait for LibTorch's threads of this process.
    inAPipeline(scenes);
  }

  private static void tell(String where, int rows, long start) {
    double seconds = (System.nanoTime() - start) / NANOS;
    System.out.printf("%-22s%8.1f rows/s, %.1f s%n", where, rows / seconds, seconds);
  }

  private static void onCluster(List<byte[]> scenes, StandaloneCluster cluster, int workers) {
    SparkSession spark = cluster.session();
    try {
      // Loads the network in each executor, and tries what is fastest.
      explain(spark, scenes.subList(0, Math.min(scenes.size(), 8 * PARTITIONS)));
      long start = System.nanoTime();
      explain(spark, scenes);
      tell(workers == 1 ? "Spark, 1 worker" : "Spark, 2 workers", scenes.size(), start);
    } finally {
      spark.stop();
    }
  }

  private static void explain(SparkSession spark, List<byte[]> scenes) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < scenes.size(); i++) {
      rows.add(RowFactory.create(i, scenes.get(i)));
    }
    Dataset<Row> maps =
        new ScoreCamTransformer()
            .setModel(DemoNetwork.extract().toUri().toString())
            .setLayer(DemoNetwork.LAYER)
            .setChannels(CHANNELS)
            .setPreprocess("none")
            .transform(TestPictures.dataset(spark, rows, PARTITIONS));
    long good = maps.filter("saliency.error is null and length(saliency.map) > 0").count();
    if (good != scenes.size()) {
      throw new IllegalStateException(good + " of " + scenes.size() + " pictures were explained");
    }
  }

  private static void inAPipeline(List<byte[]> scenes) throws IOException {
    List<Source> sources =
        scenes.stream()
            .map(encoded -> new Source("scene", () -> Picture.decode(encoded, "scene")))
            .toList();
    try (HookedModel model = TorchScriptModel.load(DemoNetwork.extract(), Device.cpu());
        ScoreCam cam =
            ScoreCam.on(model)
                .layer(DemoNetwork.LAYER)
                .channels(ChannelSelection.parse(CHANNELS))
                .build()) {
      Pipeline pipeline = Pipeline.on(cam).preprocessing(Preprocessing.none()).build();
      pipeline.runSources(sources.subList(0, Math.min(scenes.size(), 64)), explained -> {});
      long start = System.nanoTime();
      long[] bytes = new long[1];
      pipeline.runSources(sources, explained -> bytes[0] += explained.saliency().values().length);
      tell("pipeline", scenes.size(), start);
    }
  }
}
