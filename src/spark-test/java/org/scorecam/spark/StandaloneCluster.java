package org.scorecam.spark;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;
import org.apache.spark.sql.SparkSession;
import org.scorecam.JavaProcess;

/**
 * A cluster of Spark's own kind on this machine: a master and workers, each a process, which start
 * executors. What they have is Spark, and nothing of ours.
 */
final class StandaloneCluster implements AutoCloseable {
  private static final String HOST = "127.0.0.1";
  private static final int CONNECTION_TRIES = 300;
  private static final int MILLISECONDS_BETWEEN = 100;

  private final Path home;
  private final int port;
  private final List<Process> processes = new ArrayList<>();

  /**
   * Starts the cluster.
   *
   * @param folder for its files
   * @param workers of one core each
   */
  StandaloneCluster(Path folder, int workers) throws IOException, InterruptedException {
    home = Files.createDirectories(folder.resolve("home"));
    Path jars = Files.createDirectory(home.resolve("jars"));
    for (String entry : JavaProcess.CLASS_PATH.split(File.pathSeparator, -1)) {
      Path jar = Path.of(entry).toAbsolutePath();
      if (entry.endsWith(".jar") && !entry.matches(".*(bytedeco|twelvemonkeys).*")) {
        Files.createSymbolicLink(jars.resolve(jar.getFileName()), jar);
      }
    }
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = free.getLocalPort();
    }
    start("master", "--port", Integer.toString(port));
    awaitMaster();
    for (int i = 0; i < workers; i++) {
      Path work = folder.resolve("work-" + i);
      start("worker", "--cores", "1", "--memory", "1g", "--work-dir", work.toString(), master());
    }
  }

  private String master() {
    return "spark://%s:%d".formatted(HOST, port);
  }

  /** A session whose executors have the jar that is made for them; to be stopped by the caller. */
  SparkSession session() {
    return SparkSession.builder()
        .master(master())
        .config("spark.jars", System.getProperty("scorecam.spark.jar"))
        .config("spark.executor.memory", "512m")
        .config(
            "spark.executor.extraJavaOptions",
            "-Dorg.bytedeco.javacpp.cachedir=" + home.resolveSibling("natives"))
        .config("spark.scheduler.minRegisteredResourcesRatio", "1")
        .config("spark.scheduler.maxRegisteredResourcesWaitingTime", "120s")
        .config("spark.driver.bindAddress", HOST)
        .config("spark.driver.host", HOST)
        .config("spark.ui.enabled", false)
        .config("spark.log.level", "ERROR")
        .getOrCreate();
  }

  /** The processes that the workers have started. */
  List<ProcessHandle> executors() {
    return processes.stream().skip(1).flatMap(Process::children).toList();
  }

  private void start(String role, String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx256m");
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split(" ")));
    command.addAll(List.of("-cp", home.resolve("jars") + "/*"));
    command.add(
        "org.apache.spark.deploy.%s.%s"
            .formatted(role, role.equals("master") ? "Master" : "Worker"));
    command.addAll(List.of("--host", HOST, "--webui-port", "0"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(home.resolve(role + processes.size() + ".log").toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "SPARK_HOME",
                home.toString(),
                "SPARK_LOCAL_IP",
                HOST,
                "SPARK_SCALA_VERSION",
                "2.13"));
    processes.add(builder.start());
  }

  private void awaitMaster() throws IOException, InterruptedException {
    for (int i = 0; ; i++) {
      try (Socket socket = new Socket()) {
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        return;
      } catch (IOException e) {
        if (i == CONNECTION_TRIES || !processes.get(0).isAlive()) {
          close();
          throw e;
        }
        Thread.sleep(MILLISECONDS_BETWEEN);
      }
    }
  }

  /** Ends all its processes, executors too, and waits for them. */
  @Override
  public void close() {
    List<ProcessHandle> all =
        processes.stream()
            .map(Process::toHandle)
            .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
            .toList();
    all.forEach(ProcessHandle::destroyForcibly);
    all.forEach(process -> process.onExit().join());
  }
}
