package org.scorecam.spark;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.LibTorch;

/** What a task does: it explains the pictures of a partition with its executor's network. */
final class ExplainPartition implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  private final NetworkSettings network;
  private final PictureSettings pictures;

  /** Or null for the GPUs that Spark gives, or the CPU. */
  private final String device;

  private final Broadcast<SerializableConfiguration> hadoop;

  ExplainPartition(
      NetworkSettings network,
      PictureSettings pictures,
      String device,
      Broadcast<SerializableConfiguration> hadoop) {
    this.network = network;
    this.pictures = pictures;
    this.device = device;
    this.hadoop = hadoop;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return rows;
    }
    TaskContext task = TaskContext.get();
    TaskShare share = TaskShare.of(task, SparkEnv.get().conf());
    // Each task's own: those that run at once have as many each.
    LibTorch.setThreads(share.cpus());
    List<SharedNetworks.Loan> loans = new ArrayList<>();
    // Listeners are called last in, first out: before those that close what the rows come from.
    task.addTaskCompletionListener(
        (TaskCompletionListener) over -> loans.forEach(SharedNetworks.Loan::close));
    for (Device each : device == null ? TaskShare.devices(task) : List.of(Device.parse(device))) {
      loans.add(borrow(each, share));
    }
    ExplainedRows explained =
        new ExplainedRows(
            rows,
            pictures,
            new RowPictures(pictures, configuration()),
            loans.stream().map(SharedNetworks.Loan::explainer).toList(),
            share.readers());
    task.addTaskCompletionListener((TaskCompletionListener) over -> explained.close());
    return explained;
  }

  private SharedNetworks.Loan borrow(Device where, TaskShare share) {
    return SharedNetworks.borrow(
        new SharedNetworks.Key(network, where, share),
        () ->
            network
                .file()
                .withLocalCopy(configuration(), copy -> network.load(copy, where.require())));
  }

  private Configuration configuration() {
    return hadoop.value().value();
  }
}
