package org.scorecam.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.scorecam.Goldens.assertClose;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.scorecam.Goldens;
import org.scorecam.NativeObjects;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.WatchedModel;
import org.scorecam.error.ModelException;
import org.scorecam.image.Picture;
import org.scorecam.model.HookedModel;

/** Rows of pictures, explained by two tasks at a time in this process. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ScoreCamTransformerTest {
  private static final byte[] DAMAGED = {(byte) 0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0};

  private static SparkSession spark;

  @TempDir Path folder;

  @BeforeAll
  static void startSpark() {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", false)
            .config("spark.log.level", "ERROR")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate();
  }

  @AfterAll
  static void stopSpark() {
    spark.stop();
  }

  @AfterEach
  void nothingIsLeft() {
    SharedNetworks.closeUnused();
    assertEquals(0, SharedNetworks.open(), "networks on loan");
    assertEquals(
        List.of(),
        Thread.getAllStackTraces().keySet().stream()
            .map(Thread::getName)
            .filter(name -> name.matches("scorecam-(read|score)-.*"))
            .toList());
  }

  private static Dataset<Row> dataset(List<Row> rows, int partitions) {
    return TestPictures.dataset(spark, rows, partitions);
  }

  /** The rows in the order of their numbers. */
  private static List<Row> inOrder(Dataset<Row> rows) {
    return rows.orderBy("id").collectAsList();
  }

  private static Row saliency(Row row) {
    return row.getAs("saliency");
  }

  private static float[] map(Row row) {
    return TestPictures.map(saliency(row));
  }

  @Test
  void mapsAreThoseWithoutSparkAndBadPicturesAreRows() {
    List<Row> pictures = TestPictures.rows(12);
    pictures.add(3, RowFactory.create(100, DAMAGED));
    pictures.add(7, RowFactory.create(101, null));
    pictures.add(RowFactory.create(102, new byte[0]));
    List<Row> rows = inOrder(TestPictures.transformer().transform(dataset(pictures, 4)));
    assertEquals(15, rows.size());
    List<float[]> expected = TestPictures.expected(12, Target.top1());
    for (int i = 0; i < 12; i++) {
      Row row = rows.get(i);
      assertEquals(i, row.<Integer>getAs("id"));
      assertArrayEquals(TestPictures.picture(i).toPng(), row.<byte[]>getAs("content"));
      assertNull(saliency(row).getAs("error"));
      assertClose(expected.get(i), map(row), TestPictures.TOLERANCE);
      assertEquals(64, saliency(row).<Integer>getAs("height"));
      assertEquals(64, saliency(row).<Integer>getAs("width"));
      assertNull(saliency(row).getAs("overlay"));
      Row status = saliency(row).getAs("status");
      assertEquals(16, status.<Long>getAs("scoredChannels"));
      assertEquals("float32", status.getAs("precision"));
      assertFalse(status.<Boolean>getAs("blank"));
    }
    assertError("PNG", rows.get(12));
    assertError("the column 'content' is null", rows.get(13));
    assertError("the picture in the column 'content'", rows.get(14));
  }

  private static void assertError(String expected, Row row) {
    Row saliency = saliency(row);
    String error = saliency.getAs("error");
    assertTrue(error.contains(expected), error);
    for (int i = 0; i < saliency.size() - 1; i++) {
      assertNull(saliency.get(i), SaliencyColumn.TYPE.fieldNames()[i]);
    }
  }

  @Test
  void filesAreReadFromBinaryFilesOrByTheirPaths() throws Exception {
    for (int i = 0; i < 4; i++) {
      Files.write(folder.resolve(i + ".png"), TestPictures.picture(i).toPng());
    }
    Files.writeString(folder.resolve("none.png"), "no picture");
    Dataset<Row> files = spark.read().format("binaryFile").load(folder.toUri().toString());
    List<Row> ofContent =
        TestPictures.transformer().transform(files).orderBy("path").collectAsList();
    List<Row> ofPaths =
        TestPictures.transformer()
            .setInputCol("path")
            .transform(files.drop("content"))
            .orderBy("path")
            .collectAsList();
    List<float[]> expected = TestPictures.expected(4, Target.top1());
    for (int i = 0; i < 4; i++) {
      assertClose(expected.get(i), map(ofContent.get(i)), TestPictures.TOLERANCE);
      assertClose(expected.get(i), map(ofPaths.get(i)), TestPictures.TOLERANCE);
      assertEquals(files.schema().fieldNames().length + 1, ofContent.get(i).size());
      assertNotNull(ofContent.get(i).getAs("modificationTime"));
    }
    assertError("none.png", ofContent.get(4));
    assertError("none.png", ofPaths.get(4));
  }

  @Test
  void aFileThatIsNotThereIsARowWithItsError() {
    Dataset<Row> paths =
        spark.createDataFrame(
            List.of(RowFactory.create(folder + "/missing.png"), RowFactory.create("")),
            new StructType().add("path", DataTypes.StringType));
    List<Row> rows =
        TestPictures.transformer().setInputCol("path").transform(paths).collectAsList();
    assertError("missing.png", rows.get(0));
    assertError("cannot read", rows.get(1));
  }

  @Test
  void aNetworkIsLoadedOnceForAllTasks() {
    long before = SharedNetworks.loaded();
    Dataset<Row> maps = TestPictures.transformer().transform(dataset(TestPictures.rows(16), 8));
    assertEquals(16, maps.collectAsList().size());
    assertEquals(16, maps.filter("saliency.error is null").count());
    assertEquals(1, SharedNetworks.loaded() - before);
    assertEquals(1, SharedNetworks.open());
    TestPictures.transformer()
        .setRecipe("torchcam")
        .transform(dataset(TestPictures.rows(2), 2))
        .collectAsList();
    assertEquals(2, SharedNetworks.loaded() - before, "another recipe is another explainer");
  }

  @Test
  void aModelThatWasReplacedIsLoadedAgain() throws Exception {
    Path file = Files.copy(Goldens.file(TestPictures.MODEL), folder.resolve("model.pt"));
    ScoreCamTransformer transformer = TestPictures.transformer().setModel(file.toString());
    Dataset<Row> pictures = dataset(TestPictures.rows(1), 1);
    long before = SharedNetworks.loaded();
    transformer.transform(pictures).collectAsList();
    Files.setLastModifiedTime(file, FileTime.fromMillis(1000));
    transformer.transform(pictures).collectAsList();
    assertEquals(2, SharedNetworks.loaded() - before);
  }

  @Test
  void whatIsAskedForIsDone() {
    Row row =
        TestPictures.transformer()
            .setClass(1)
            .setOverlay(true)
            .setChannels("max:8")
            .setBatch(4)
            .setOutputCol("seen")
            .transform(dataset(TestPictures.rows(1), 1))
            .head();
    Row saliency = row.getAs("seen");
    assertEquals(1, saliency.<Long>getAs("class"));
    assertEquals(8, saliency.<Row>getAs("status").<Long>getAs("scoredChannels"));
    Picture overlay = Picture.decode(saliency.getAs("overlay"), "overlay");
    assertEquals(64, overlay.width());
    assertEquals(64, overlay.height());
    assertFalse(overlay.equals(TestPictures.picture(0)), "nothing was drawn over the picture");
  }

  @Test
  void anEmptyPartitionNeedsNoNetwork() {
    long before = SharedNetworks.loaded();
    assertEquals(
        List.of(), TestPictures.transformer().transform(dataset(List.of(), 2)).collectAsList());
    assertEquals(before, SharedNetworks.loaded());
  }

  @Test
  void mostPartitionsMayBeEmpty() {
    List<Row> rows =
        inOrder(TestPictures.transformer().transform(dataset(TestPictures.rows(2), 7)));
    assertEquals(2, rows.size());
    rows.forEach(row -> assertNull(saliency(row).getAs("error")));
  }

  @Test
  void otherColumnsAreKeptOfWhateverType() {
    Dataset<Row> pictures =
        dataset(TestPictures.rows(2), 1)
            .selectExpr(
                "id",
                "content",
                "date'2024-02-29' as day",
                "timestamp'2024-02-29 12:00:00' as time",
                "cast(1.25 as decimal(20,4)) as price",
                "array(1, null, 3) as list",
                "map('a', struct(1L as x, 'y' as y)) as nested",
                "cast(null as double) as nothing",
                "id as `a.b`",
                "content as again");
    List<Row> before = inOrder(pictures);
    List<Row> after = inOrder(TestPictures.transformer().transform(pictures));
    for (int i = 0; i < 2; i++) {
      assertNull(saliency(after.get(i)).getAs("error"));
      for (String name : List.of("day", "time", "price", "list", "nested", "nothing", "a.b")) {
        assertEquals(before.get(i).<Object>getAs(name), after.get(i).getAs(name), name);
      }
      assertArrayEquals(TestPictures.picture(i).toPng(), after.get(i).<byte[]>getAs("again"));
    }
  }

  @Test
  void rowsGoFromFunctionToFunctionAsTheyAre() {
    Dataset<Row> pictures = dataset(TestPictures.rows(2), 1);
    Dataset<Row> nameless =
        pictures.map(
            (MapFunction<Row, Row>) row -> RowFactory.create(row.get(0), row.get(1)),
            Encoders.row(pictures.schema()));
    Dataset<Row> twice =
        TestPictures.transformer()
            .setOutputCol("again")
            .transform(TestPictures.transformer().transform(nameless));
    assertEquals(
        List.of("0 null float32", "1 null float32"),
        twice
            .map(
                (MapFunction<Row, String>)
                    row ->
                        "%d %s %s"
                            .formatted(
                                row.<Integer>getAs("id"),
                                saliency(row).<String>getAs("error"),
                                row.<Row>getAs("again").<Row>getAs("status").getAs("precision")),
                Encoders.STRING())
            .collectAsList());
  }

  @Test
  void streamsAreExplainedAsTheyCome() throws Exception {
    Files.write(folder.resolve("0.png"), TestPictures.picture(0).toPng());
    Files.write(folder.resolve("1.png"), DAMAGED);
    Dataset<Row> arriving =
        spark
            .readStream()
            .format("binaryFile")
            .schema(spark.read().format("binaryFile").load(folder.toUri().toString()).schema())
            .load(folder.toUri().toString());
    StreamingQuery query =
        TestPictures.transformer()
            .transform(arriving)
            .writeStream()
            .format("memory")
            .queryName("maps")
            .trigger(Trigger.AvailableNow())
            .start();
    query.awaitTermination();
    List<Row> rows = spark.table("maps").orderBy("path").collectAsList();
    assertEquals(2, rows.size());
    assertClose(
        TestPictures.expected(1, Target.top1()).get(0), map(rows.get(0)), TestPictures.TOLERANCE);
    assertError("1.png", rows.get(1));
  }

  @Test
  void aPartOfTheRowsEndsTheTask() {
    assertEquals(
        2,
        TestPictures.transformer()
            .transform(dataset(TestPictures.rows(40), 1))
            .takeAsList(2)
            .size());
  }

  @Test
  void whatIsWrongForAllPicturesFailsTheJob() {
    Dataset<Row> maps =
        TestPictures.transformer().setLayer("layer9").transform(dataset(TestPictures.rows(2), 1));
    SparkException thrown = assertThrows(SparkException.class, maps::collectAsList);
    assertTrue(thrown.getMessage().contains("no layer 'layer9'"), thrown::getMessage);
  }

  @Test
  void rowsThatAreOnTheirWayAreFew() {
    List<Row> rows = inOrder(dataset(TestPictures.rows(1), 1));
    int[] taken = {0};
    Iterator<Row> endless =
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return true;
          }

          @Override
          public Row next() {
            taken[0]++;
            return rows.get(0);
          }
        };
    PictureSettings settings = settings();
    try (HookedModel model = Goldens.model(TestPictures.MODEL);
        ScoreCam cam = TestPictures.cam(model);
        ExplainedRows explained =
            new ExplainedRows(
                endless,
                settings,
                new RowPictures(settings, new Configuration()),
                List.of(cam),
                1)) {
      for (int i = 1; i <= 3; i++) {
        explained.next();
        int most = i + 2 * cam.inputsPerGroup() + 4;
        assertTrue(taken[0] <= most, () -> taken[0] + " rows were taken, not at most " + most);
      }
    }
  }

  @Test
  void memoryThatRunsOutForAGroupIsTheErrorOfItsRowsAlone() {
    List<Row> rows = inOrder(dataset(TestPictures.rows(64), 1));
    List<float[]> expected = TestPictures.expected(64, Target.top1());
    try (WatchedModel model = new WatchedModel(Goldens.model(TestPictures.MODEL));
        ScoreCam cam = TestPictures.cam(model)) {
      // After 64 inputs ways to run the network are tried out, and one is kept.
      explained(cam, rows);
      NativeObjects.assertNoneLeftBy(
          () -> {
            WatchedModel.ShortOfMemory memory = new WatchedModel.ShortOfMemory();
            model.beforeCapture = memory;
            long errors = 0;
            List<Row> maps = explained(cam, rows);
            assertEquals(64, maps.size());
            for (int i = 0; i < 64; i++) {
              assertEquals(i, maps.get(i).getInt(0));
              Row saliency = saliency(maps.get(i));
              String error = saliency.getAs("error");
              if (error == null) {
                assertClose(expected.get(i), TestPictures.map(saliency), TestPictures.TOLERANCE);
              } else {
                assertTrue(error.contains("out of native memory"), error);
                errors++;
              }
            }
            assertEquals(memory.pictures(), errors);
            assertTrue(errors >= 1 && errors <= cam.inputsPerGroup(), "all of one group");
          });
      model.beforeCapture = inputs -> {};
      model.beforeChunk = WatchedModel.noMemoryAbove(0);
      NativeObjects.assertNoneLeftBy(
          () -> explained(cam, rows).forEach(row -> assertNotNull(saliency(row).getAs("error"))));
    }
  }

  private static PictureSettings settings() {
    StructType rows = TestPictures.transformer().transformSchema(dataset(List.of(), 1).schema());
    return new PictureSettings(rows, 1, -1, false, 0, 0, false, -1, false);
  }

  private static List<Row> explained(ScoreCam cam, List<Row> rows) {
    PictureSettings settings = settings();
    RowPictures pictures = new RowPictures(settings, new Configuration());
    List<Row> maps = new ArrayList<>();
    try (ExplainedRows explained =
        new ExplainedRows(rows.iterator(), settings, pictures, List.of(cam), 1)) {
      explained.forEachRemaining(maps::add);
    }
    return maps;
  }

  @Test
  void nothingIsLeftToTheGarbageCollector() {
    Dataset<Row> pictures = dataset(TestPictures.rows(6), 2);
    NativeObjects.assertNoneLeftBy(
        () -> {
          TestPictures.transformer().setBatch(16).transform(pictures).collectAsList();
          SharedNetworks.closeUnused();
        });
  }

  @Test
  void settingsAreChecked() {
    assertNamed("paths", () -> new ScoreCamTransformer().setLayer((String[]) null));
    assertNamed("a path", () -> new ScoreCamTransformer().setLayer("layer3", null));
    assertNamed("pictures", () -> TestPictures.transformer().transform(null));
    assertRefused("adaptive", () -> new ScoreCamTransformer().setChannels("max:0"));
    assertRefused("tiskw", () -> new ScoreCamTransformer().setRecipe("none"));
    assertRefused("float32", () -> new ScoreCamTransformer().setPrecision("float8"));
    assertRefused("tokens", () -> new ScoreCamTransformer().setLayout("token"));
    assertRefused("cuda:N", () -> new ScoreCamTransformer().setDevice("gpu"));
    assertRefused("imagenet or none", () -> new ScoreCamTransformer().setPreprocess("coco"));
    assertRefused("batch must be at least 1", () -> new ScoreCamTransformer().setBatch(0));
    assertRefused("memory must be at least 1", () -> new ScoreCamTransformer().setMemory(0));
    assertRefused("height must be at least 1", () -> new ScoreCamTransformer().setSize(5, 0));
    assertRefused("from 0, not -1", () -> new ScoreCamTransformer().setClass(-1));
    Dataset<Row> pictures = dataset(TestPictures.rows(1), 1);
    assertRefused("setModel", () -> new ScoreCamTransformer().transform(pictures));
    assertRefused(
        "go together", () -> TestPictures.transformer().setWeights("a.pth").transform(pictures));
    assertRefused(
        "not with both", () -> TestPictures.transformer().setArch("resnet18").transform(pictures));
    assertRefused(
        "together", () -> TestPictures.transformer().setBatch(1).setMemory(1).transform(pictures));
    assertRefused(
        "[id, content]", () -> TestPictures.transformer().setInputCol("image").transform(pictures));
    assertRefused(
        "of type int", () -> TestPictures.transformer().setInputCol("id").transform(pictures));
    assertRefused(
        "'id' already", () -> TestPictures.transformer().setOutputCol("id").transform(pictures));
    assertRefused(
        "'id' already", () -> TestPictures.transformer().setOutputCol("ID").transform(pictures));
    assertRefused(
        "2 columns 'content'",
        () -> TestPictures.transformer().transform(pictures.selectExpr("content", "content")));
    ModelException missing =
        assertThrows(
            ModelException.class,
            () -> TestPictures.transformer().setModel(folder + "/no.pt").transform(pictures));
    assertTrue(missing.getMessage().contains("no.pt"), missing.getMessage());
  }

  private static void assertNamed(String name, Executable call) {
    assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
  }

  private static void assertRefused(String expected, Executable setting) {
    String message = assertThrows(IllegalArgumentException.class, setting).getMessage();
    assertTrue(message.contains(expected), message);
  }
}
