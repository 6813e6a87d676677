package org.scorecam.spark;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;

/**
 * What a task may use of its executor.
 *
 * @param cpus cores of each task
 * @param tasks how many run at once in the executor
 * @param tasksOnGpu how many run at once on each of its GPUs
 * @param memoryOverhead bytes that the executor's container has beside the JVM's heap, or 0 where
 *     that is not set
 */
record TaskShare(int cpus, int tasks, int tasksOnGpu, long memoryOverhead) {
  private static final Pattern LOCAL_MASTER = Pattern.compile("local(?:\\[(\\d+|\\*)(?:,.*)?])?");

  /** As an explainer takes by itself. */
  private static final int PART_OF_AVAILABLE = 4;

  /** The rest is for the network, its scorer, and the JVM's own needs. */
  private static final int PART_OF_OVERHEAD = 2;

  private static final int CPUS_PER_READER = 4;
  private static final int LOG2_OF_MEBIBYTE = 20;

  /** That of a task which runs now. */
  static TaskShare of(TaskContext task, SparkConf conf) {
    int cpus = task.cpus();
    double gpus = conf.getDouble("spark.task.resource.gpu.amount", 1);
    return new TaskShare(
        cpus,
        Math.max(1, cores(conf) / cpus),
        gpus < 1 ? (int) Math.floor(1 / gpus) : 1,
        conf.getSizeAsMb("spark.executor.memoryOverhead", "0") << LOG2_OF_MEBIBYTE);
  }

  /** The cores that Spark gives the executor, which are not written down everywhere. */
  private static int cores(SparkConf conf) {
    int processors = Runtime.getRuntime().availableProcessors();
    String master = conf.get("spark.master", "");
    Matcher local = LOCAL_MASTER.matcher(master);
    if (local.matches()) {
      String threads = local.group(1) == null ? "1" : local.group(1);
      return threads.equals("*") ? processors : Integer.parseInt(threads);
    }
    // A standalone worker gives all that it has, unless told otherwise; other clusters give one.
    return conf.getInt("spark.executor.cores", master.startsWith("spark://") ? processors : 1);
  }

  /** Where a task works: on the GPUs that Spark gave it, or else on the CPU. */
  static List<Device> devices(TaskContext task) {
    ResourceInformation gpus = task.resourcesJMap().get("gpu");
    return gpus == null
        ? List.of(Device.cpu())
        : Arrays.stream(gpus.addresses()).map(address -> Device.parse("cuda:" + address)).toList();
  }

  /** Threads that read pictures. */
  int readers() {
    return Math.max(1, cpus / CPUS_PER_READER);
  }

  /**
   * A task's part of the memory for chunks.
   *
   * @param asked bytes for all tasks together, or 0 for a part of what there is
   * @return bytes, at least 1; nothing where the system does not say what there is
   */
  OptionalLong memory(long asked, Device device) {
    boolean onCpu = device.type() == Device.Type.CPU;
    long all = asked;
    if (all == 0) {
      all = DeviceMemory.of(device).available().orElse(0) / PART_OF_AVAILABLE;
      if (onCpu && memoryOverhead > 0) {
        // Containers are killed for more, also where no control group tells of the limit.
        all = Math.min(all, memoryOverhead / PART_OF_OVERHEAD);
      }
    }
    return all == 0
        ? OptionalLong.empty()
        : OptionalLong.of(Math.max(1, all / (onCpu ? tasks : tasksOnGpu)));
  }
}
