package org.scorecam.spark;

import static java.util.Objects.requireNonNull;

import java.util.Collections;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.scorecam.Recipe;
import org.scorecam.ScoreCam;
import org.scorecam.mask.ChannelSelection;
import org.scorecam.model.Precision;
import org.scorecam.nn.Layout;
import org.scorecam.runtime.Device;

/**
 * Explains the pictures of a {@link Dataset}: adds a column with what the network looked at in
 * each.
 *
 * <pre>{@code
 * Dataset<Row> maps = new ScoreCamTransformer().setModel("hdfs:///resnet18.pt").setLayer("layer4")
 *     .setInputCol("content").setOutputCol("saliency")
 *     .transform(spark.read().format("binaryFile").load("hdfs:///pictures"));
 * }</pre>
 *
 * <p>The column is a struct:
 *
 * <table>
 * <caption>Fields of the result</caption>
 * <tr><td>class</td><td>bigint: the class of interest</td></tr>
 * <tr><td>score</td><td>float: its score of the picture as it is</td></tr>
 * <tr><td>height, width</td><td>int: of the map, which has the network's input's size</td></tr>
 * <tr><td>map</td><td>binary: its values in rows, float32, little endian</td></tr>
 * <tr><td>overlay</td><td>binary: the map over the picture, a PNG; null unless asked for</td></tr>
 * <tr><td>status</td><td>struct: channels, scoredChannels, passes, precision, blank, sawNonFinite;
 * see {@link org.scorecam.SaliencyStatus}</td></tr>
 * <tr><td>error</td><td>string: why there is none of all that, or null</td></tr>
 * </table>
 *
 * <p>A picture that cannot be read or explained is a row with its error, and so is a null. What is
 * wrong for all pictures, such as a layer that the network does not have, fails the job.
 *
 * <p>An executor loads a network once for its tasks, from the file, which no task carries, and
 * closes it when none has used it for a minute. A task works on the GPUs that Spark gave it, or
 * with the cores that {@code spark.task.cpus} says. The setters' words are those of the command
 * line's options.
 *
 * <p>It is no {@code Transformer} of spark.ml, which an application need not have: in place of
 * saving and loading one, the code that sets it up is kept. Not safe for several threads.
 */
public final class ScoreCamTransformer {
  private String model;
  private String architecture;
  private String weights;
  private List<String> layers = List.of();
  private String layout;
  private String recipe = Recipe.TISKW.name();
  private String channels = ChannelSelection.all().toString();
  private String precision = Precision.FLOAT32.toString();
  private int batch;
  private long memory;
  private String device;
  private long target = -1;
  private boolean normalised = true;
  private int width;
  private int height;
  private boolean grey;
  private boolean overlay;
  private String inputCol = "content";
  private String outputCol = "saliency";

  /** Without a network yet. */
  public ScoreCamTransformer() {}

  /**
   * Names the network.
   *
   * @param location a TorchScript file on any of Hadoop's file systems; one of {@code file:} must
   *     be there on every machine
   * @return this transformer
   */
  public ScoreCamTransformer setModel(String location) {
    this.model = requireNonNull(location, "location");
    return this;
  }

  /**
   * Names a network of the zoo's, instead of {@link #setModel}; needs {@link #setWeights}.
   *
   * @param name such as {@code resnet18}
   * @return this transformer
   */
  public ScoreCamTransformer setArch(String name) {
    this.architecture = requireNonNull(name, "name");
    return this;
  }

  /**
   * Names the weights for {@link #setArch}.
   *
   * @param location a single {@code .pth} or {@code .safetensors} file, as for {@link #setModel}
   * @return this transformer
   */
  public ScoreCamTransformer setWeights(String location) {
    this.weights = requireNonNull(location, "location");
    return this;
  }

  /**
   * Names the target layers, whose maps are fused where there are several.
   *
   * @param paths their dotted paths; unless set, the network's {@link
   *     org.scorecam.model.HookedModel#defaultLayer}
   * @return this transformer
   */
  public ScoreCamTransformer setLayer(String... paths) {
    for (String path : requireNonNull(paths, "paths")) {
      requireNonNull(path, "a path");
    }
    this.layers = List.of(paths);
    return this;
  }

  /**
   * Says how the layers' outputs hold their activation maps.
   *
   * @param text as {@link Layout#parse} reads it
   * @return this transformer
   * @throws IllegalArgumentException if it is no layout
   */
  public ScoreCamTransformer setLayout(String text) {
    this.layout = Layout.parse(requireNonNull(text, "text")).toString();
    return this;
  }

  /**
   * Chooses which variant is computed.
   *
   * @param name as {@link Recipe#named} knows it; {@link Recipe#TISKW} unless set
   * @return this transformer
   * @throws IllegalArgumentException if there is no such recipe
   */
  public ScoreCamTransformer setRecipe(String name) {
    this.recipe = Recipe.named(requireNonNull(name, "name")).name();
    return this;
  }

  /**
   * Chooses which channels are scored.
   *
   * @param text as {@link ChannelSelection#parse} reads it; all unless set
   * @return this transformer
   * @throws IllegalArgumentException if it selects no channels
   */
  public ScoreCamTransformer setChannels(String text) {
    this.channels = ChannelSelection.parse(requireNonNull(text, "text")).toString();
    return this;
  }

  /**
   * Chooses what masked inputs are scored with; see {@link ScoreCam.Builder#precision}. A precision
   * that does not hold fails the job.
   *
   * @param name as {@link Precision#named} knows it, or {@code auto} for the fastest that holds;
   *     float32 unless set
   * @return this transformer
   * @throws IllegalArgumentException if there is no such precision
   */
  public ScoreCamTransformer setPrecision(String name) {
    requireNonNull(name, "name");
    this.precision =
        name.equals(NetworkSettings.FASTEST_PRECISION) ? name : Precision.named(name).toString();
    return this;
  }

  /**
   * Sets how many masked inputs the network sees at once; see {@link ScoreCam.Builder#batch}.
   *
   * @param rows unless set, as many as are fastest
   * @return this transformer
   * @throws IllegalArgumentException if it is less than 1
   */
  public ScoreCamTransformer setBatch(int rows) {
    requirePositive(rows, "batch");
    this.batch = rows;
    return this;
  }

  /**
   * Limits the memory of the masked inputs that an executor scores at once, with the network's
   * activations for them; see {@link ScoreCam.Builder#memory}. Its tasks have equal parts.
   *
   * @param bytes on the device. Unless set, a quarter of what is available, and on the CPU at most
   *     half of {@code spark.executor.memoryOverhead}, where that is set
   * @return this transformer
   * @throws IllegalArgumentException if it is less than 1
   */
  public ScoreCamTransformer setMemory(long bytes) {
    requirePositive(bytes, "memory");
    this.memory = bytes;
    return this;
  }

  /**
   * Says where the network runs.
   *
   * @param name as {@link Device#parse} reads it; unless set, the GPUs that Spark gave the task, or
   *     the CPU
   * @return this transformer
   * @throws IllegalArgumentException if it names no device
   */
  public ScoreCamTransformer setDevice(String name) {
    this.device = Device.parse(requireNonNull(name, "name")).toString();
    return this;
  }

  /**
   * Chooses the class of interest.
   *
   * @param index from 0; each picture's likeliest class unless set
   * @return this transformer
   * @throws IllegalArgumentException if it is negative
   */
  public ScoreCamTransformer setClass(long index) {
    if (index < 0) {
      throw new IllegalArgumentException("a class has an index from 0, not " + index);
    }
    this.target = index;
    return this;
  }

  /**
   * Says how pictures are resized and normalised.
   *
   * @param preset {@code imagenet}, which is used unless set, or {@code none}: values from 0 to 1
   *     at each picture's own size
   * @return this transformer
   * @throws IllegalArgumentException if it is another
   */
  public ScoreCamTransformer setPreprocess(String preset) {
    this.normalised =
        switch (requireNonNull(preset, "preset")) {
          case "imagenet" -> true;
          case "none" -> false;
          default ->
              throw new IllegalArgumentException(
                  "'%s' is no preprocessing; give imagenet or none".formatted(preset));
        };
    return this;
  }

  /**
   * Has pictures stretched to a size, instead of the resizing of {@link #setPreprocess}.
   *
   * @param columns of the network's input
   * @param rows of the network's input
   * @return this transformer
   * @throws IllegalArgumentException if either is less than 1
   */
  public ScoreCamTransformer setSize(int columns, int rows) {
    requirePositive(columns, "width");
    requirePositive(rows, "height");
    this.width = columns;
    this.height = rows;
    return this;
  }

  /**
   * Has pictures converted to grey, for a network that takes one channel.
   *
   * @param whether false unless set
   * @return this transformer
   */
  public ScoreCamTransformer setGrey(boolean whether) {
    this.grey = whether;
    return this;
  }

  /**
   * Has the map drawn over the picture, too.
   *
   * @param whether false unless set
   * @return this transformer
   */
  public ScoreCamTransformer setOverlay(boolean whether) {
    this.overlay = whether;
    return this;
  }

  /**
   * Names the column of pictures.
   *
   * @param name of binary values, which are files of any format that {@link
   *     org.scorecam.image.Picture} reads, or of strings, which are such files' places on Hadoop's
   *     file systems; {@code content} unless set
   * @return this transformer
   */
  public ScoreCamTransformer setInputCol(String name) {
    this.inputCol = requireNonNull(name, "name");
    return this;
  }

  /**
   * Names the new column.
   *
   * @param name {@code saliency} unless set
   * @return this transformer
   */
  public ScoreCamTransformer setOutputCol(String name) {
    this.outputCol = requireNonNull(name, "name");
    return this;
  }

  /**
   * The column that {@link #transform} adds, and those that are there.
   *
   * @param pictures the columns of the rows with pictures
   * @return the same, and the result's
   * @throws IllegalArgumentException if there is no column of pictures, or several of its name, or
   *     one with the result's name, in upper or lower case
   */
  public StructType transformSchema(StructType pictures) {
    List<String> names = List.of(requireNonNull(pictures, "pictures").fieldNames());
    if (!names.contains(inputCol)) {
      throw new IllegalArgumentException(
          "there is no column '%s' with pictures, only %s".formatted(inputCol, names));
    }
    DataType type = pictures.apply(inputCol).dataType();
    if (!type.equals(DataTypes.BinaryType) && !type.equals(DataTypes.StringType)) {
      throw new IllegalArgumentException(
          "the column '%s' is of type %s; pictures are binary, or strings that name files"
              .formatted(inputCol, type.simpleString()));
    }
    int columns = Collections.frequency(names, inputCol);
    if (columns > 1) {
      throw new IllegalArgumentException(
          "there are %d columns '%s'; rename those without pictures".formatted(columns, inputCol));
    }
    // As Spark's queries find columns, unless told otherwise.
    for (String name : names) {
      if (name.equalsIgnoreCase(outputCol)) {
        throw new IllegalArgumentException(
            "there is a column '%s' already; choose another with setOutputCol".formatted(name));
      }
    }
    return pictures.add(outputCol, SaliencyColumn.TYPE, false);
  }

  /**
   * Explains pictures, when the result's rows are asked for.
   *
   * @param pictures rows with pictures
   * @return the same rows with the column of results, in the same partitions and order
   * @throws IllegalArgumentException as {@link #transformSchema}, or if settings are missing or
   *     contradict each other
   * @throws org.scorecam.error.ModelException if there is no file of the network
   */
  public Dataset<Row> transform(Dataset<?> pictures) {
    StructType given = requireNonNull(pictures, "pictures").schema();
    StructType result = transformSchema(given);
    SparkContext spark = pictures.sparkSession().sparkContext();
    Configuration hadoop = spark.hadoopConfiguration();
    ExplainPartition explain =
        new ExplainPartition(
            network(hadoop),
            new PictureSettings(
                result,
                given.fieldIndex(inputCol),
                List.of(given.fieldNames()).indexOf("path"),
                normalised,
                width,
                height,
                grey,
                target,
                overlay),
            device,
            JavaSparkContext.fromSparkContext(spark)
                .broadcast(new SerializableConfiguration(hadoop)));
    return pictures.toDF().mapPartitions(explain, Encoders.row(result));
  }

  private NetworkSettings network(Configuration hadoop) {
    if ((model == null) == (architecture == null)) {
      throw new IllegalArgumentException(
          "name the network with setModel, or with setArch and setWeights; not with both");
    }
    if ((architecture == null) != (weights == null)) {
      throw new IllegalArgumentException("setArch and setWeights go together, without setModel");
    }
    if (batch > 0 && memory > 0) {
      throw new IllegalArgumentException("setBatch and setMemory cannot be used together");
    }
    return new NetworkSettings(
        ModelFile.find(model == null ? weights : model, hadoop),
        architecture,
        layers,
        layout,
        recipe,
        channels,
        precision,
        batch,
        memory);
  }

  private static void requirePositive(long number, String what) {
    if (number < 1) {
      throw new IllegalArgumentException("%s must be at least 1, not %d".formatted(what, number));
    }
  }
}
