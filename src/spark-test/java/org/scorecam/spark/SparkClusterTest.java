package org.scorecam.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Target;

/** Rows of pictures, explained by executors that have Spark and the jar that is made for them. */
@Timeout(value = 300, unit = TimeUnit.SECONDS)
class SparkClusterTest {
  private static final int PICTURES = 24;

  @TempDir Path folder;

  @Test
  void executorsExplainAndNoRowIsLostOrDoubledWhenOneIsKilled() throws Exception {
    List<float[]> expected = TestPictures.expected(PICTURES, Target.top1());
    try (StandaloneCluster cluster = new StandaloneCluster(folder, 2)) {
      SparkSession spark = cluster.session();
      try {
        Set<String> executors = ConcurrentHashMap.newKeySet();
        List<String> failures = new ArrayList<>();
        AtomicBoolean kill = new AtomicBoolean();
        spark
            .sparkContext()
            .addSparkListener(
                new SparkListener() {
                  @Override
                  public void onTaskEnd(SparkListenerTaskEnd end) {
                    if (end.taskInfo().successful()) {
                      executors.add(end.taskInfo().executorId());
                      if (kill.compareAndSet(true, false)) {
                        cluster.executors().get(0).destroyForcibly();
                      }
                    } else {
                      failures.add(end.reason().toString());
                    }
                  }
                });
        assertMaps(expected, explain(spark));
        assertEquals(Set.of("0", "1"), executors);
        assertEquals(List.of(), failures);

        kill.set(true);
        assertMaps(expected, explain(spark));
        assertTrue(failures.toString().contains("ExecutorLostFailure"), failures::toString);
      } finally {
        spark.stop();
      }
    }
  }

  private static List<Row> explain(SparkSession spark) {
    return TestPictures.transformer()
        .transform(TestPictures.dataset(spark, TestPictures.rows(PICTURES), PICTURES / 2))
        .collectAsList();
  }

  private static void assertMaps(Collection<float[]> expected, List<Row> rows) {
    assertEquals(expected.size(), rows.size());
    List<Row> sorted = new ArrayList<>(rows);
    sorted.sort(Comparator.comparing(row -> row.<Integer>getAs("id")));
    int i = 0;
    for (float[] map : expected) {
      Row row = sorted.get(i);
      assertEquals(i++, row.<Integer>getAs("id"));
      Row saliency = row.getAs("saliency");
      assertNull(saliency.getAs("error"));
      assertClose(map, TestPictures.map(saliency), TestPictures.TOLERANCE);
    }
  }
}
