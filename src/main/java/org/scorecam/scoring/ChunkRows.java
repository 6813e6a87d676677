package org.scorecam.scoring;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.InputException;
import org.scorecam.error.NativeErrors;
import org.scorecam.model.InputShape;
import org.scorecam.model.ProbeInput;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.CoreShare;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.DeviceMemory;
import org.scorecam.runtime.Findings;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.scoring.MeasuredChunks.Trial;

/**
 * How many rows the chunks of one scorer have for inputs of one size, and how many chunks are
 * scored beside each other: how fast each number is, and what it takes in memory. Belongs to the
 * scorer and is kept as long as that, for all who use it.
 *
 * <p>Each worker has a chunk and a core of its own, unless the first probe shows that all threads
 * are faster together on one chunk after the other, or there are too few passes.
 *
 * <p>Chunks of 8, 16, 32, … rows are timed for as long as larger ones are faster: what each chunk
 * costs beside its rows is shared by twice as many, so that each doubling gains half of what the
 * one before gained. Nothing is measured twice, and only as much as pays: see {@link #PROBE_SHARE}.
 *
 * <p>What a chunk takes lies on a line through the smallest and the largest that were measured, of
 * which the first is a single row; rows of inputs of different shapes count by their pixels.
 */
final class ChunkRows {
  private static final System.Logger LOG = System.getLogger(ChunkRows.class.getName());

  /**
   * The rows at a time, of all workers together, that are taken where there are too few passes to
   * find out better ones.
   */
  static final long USUAL_ROWS = 32;

  private static final long FIRST_ROWS = 8;

  /** With fewer rows for each, fewer workers with more threads each are faster. */
  private static final long LEAST_ROWS_OF_WORKER = 4;

  private static final long LAST_ROWS = 512;
  private static final double NANOS_PER_MILLI = 1e6;

  /** The first of these prepares what the network keeps for each shape; the fastest counts. */
  private static final int RUNS = 2;

  /**
   * A probe may take this part of an explanation's passes, once for each network and input size.
   */
  private static final long PROBE_SHARE = 8;

  /** What a larger chunk must gain to be worth its memory. */
  private static final double GAIN = 0.02;

  /**
   * What all threads must gain on one chunk after the other, since they lose more than workers when
   * a core is busy otherwise.
   */
  private static final double CLEAR_GAIN = 0.1;

  /**
   * Where nothing was measured: the network's widest point is two times 64 channels at the input's
   * full size, as in VGG, which is among the widest.
   */
  private static final long WIDEST_VALUES_PER_PIXEL = 2 * 64;

  /**
   * After so long, what did not fit is tried again: what took the memory may be gone. If it is not,
   * that costs one failed chunk.
   */
  private static final long NANOS_UNTIL_FORGOTTEN = 60_000_000_000L;

  private static final Map<Scorer, Map<SizeClass, ChunkRows>> KNOWN = new WeakHashMap<>();

  private final LongSupplier clock;
  private final List<Trial> chunks = new ArrayList<>();

  /** Rows that were run for the probes, but for what was run once more. */
  private long probedRows;

  /** Whether larger chunks are no longer faster. */
  private boolean settled;

  /** Whether all threads were faster on one chunk after the other than workers with one each. */
  private boolean fasterTogether;

  /** Whether a row was run to be measured, whatever came of it. */
  private boolean rowWasRun;

  /** Null while nothing was measured. */
  private Measured smallest;

  private Measured largest;

  /** Pixels of all rows of the smallest chunk that did not fit, and when that was. */
  private long tooManyPixels = Long.MAX_VALUE;

  private long tooManySince;

  /** A chunk's pixels, those of all its rows, and what it took; can be written and read. */
  private record Measured(long pixels, long bytes) {
    private static final Pattern WRITTEN = Pattern.compile("(\\d{1,12}) pixels: (\\d{1,15}) bytes");

    static Optional<Measured> parse(String text) {
      Matcher written = WRITTEN.matcher(text);
      return written.matches() && !written.group(1).matches("0+")
          ? Optional.of(
              new Measured(Long.parseLong(written.group(1)), Long.parseLong(written.group(2))))
          : Optional.empty();
    }

    @Override
    public String toString() {
      return pixels + " pixels: " + bytes + " bytes";
    }
  }

  /**
   * What chunks are planned for.
   *
   * @param findings of the network, where nothing else is said of workers
   * @param workers chunks that may be scored beside each other
   * @param choosing whether a single one may be taken in place of so many if that is faster
   * @param budget bytes that all of them may take with the network's activations
   */
  record Request(
      Scorer scorer,
      Findings findings,
      Device device,
      InputShape shape,
      int workers,
      boolean choosing,
      long budget) {
    /** The same for so many workers, of which each has its part of the memory. */
    private Request eachOf(int fewer) {
      return new Request(scorer, findings, device, shape, fewer, choosing, budget / fewer);
    }

    private String question() {
      return "chunks of %s, %s, %d threads"
          .formatted(SizeClass.of(shape), scorer.description(), LibTorch.threads());
    }

    /** The same for all ways to run the network, which differ little in what they take. */
    private String questionOfRow() {
      return "a row of " + SizeClass.of(shape);
    }

    private Tensor newChunk(long rows) {
      Tensor chunk = ChunkPool.allocate(shape.batchOf(rows), scorer, device);
      try (NativeScope scope = NativeScope.open()) {
        ProbeInput.fill(chunk, device);
        return chunk;
      } catch (RuntimeException | Error e) {
        chunk.close();
        throw e;
      }
    }

    private long bytesOf(long rows, long valuesPerPixel) {
      return rows * shape.pixels() * valuesPerPixel * torch.elementSize(scorer.dtype());
    }
  }

  /**
   * Nothing known yet.
   *
   * @param clock nanoseconds
   */
  ChunkRows(LongSupplier clock) {
    this.clock = clock;
  }

  /** What is known of the scorer for such inputs, for all who use it. */
  static ChunkRows knownOf(Request request) {
    synchronized (KNOWN) {
      return KNOWN
          .computeIfAbsent(request.scorer, scorer -> new HashMap<>())
          .computeIfAbsent(SizeClass.of(request.shape), first -> remembered(request));
    }
  }

  private static ChunkRows remembered(Request request) {
    ChunkRows rows = new ChunkRows(System::nanoTime);
    request
        .findings
        .answerTo(request.questionOfRow())
        .flatMap(Measured::parse)
        .ifPresent(rows::takeIn);
    request
        .findings
        .answerTo(request.question())
        .flatMap(MeasuredChunks::parse)
        .ifPresent(rows::takeOver);
    return rows;
  }

  /** Takes over what was measured in another process. */
  void takeOver(MeasuredChunks measured) {
    for (Trial chunk : measured.chunks()) {
      chunks.add(chunk);
      takeIn(new Measured(chunk.rows() * chunk.pixels(), chunk.bytes()));
    }
    settled = measured.settled();
    fasterTogether = measured.fasterTogether();
  }

  /**
   * The best rows for so many passes. The first call, and one of more passes than before, may run
   * the network; other threads wait for it.
   */
  synchronized ChunkPlan best(Request whole, long passes) {
    if (whole.scorer.oneByOne().isPresent()) {
      return oneByOne(whole, passes);
    }
    measureRow(whole);
    Request request = whole.eachOf(workersWithMemory(whole, passes, LEAST_ROWS_OF_WORKER));
    probeWhatPays(request, passes);
    if (fasterTogether && request.choosing) {
      request = whole.eachOf(1);
    }
    long fastest = fastest(request);
    long usual = Math.max(FIRST_ROWS, USUAL_ROWS / request.workers);
    long wanted = settled && fastest > 0 ? fastest : Math.max(usual, fastest);
    long possible = possibleRows(request, LAST_ROWS);
    long rows = spread(passes, Math.min(wanted, possible), request.workers);
    ChunkPlan.Basis basis =
        possible < Math.min(wanted, passes)
            ? ChunkPlan.Basis.REDUCED
            : chunks.isEmpty() ? ChunkPlan.Basis.FITTED : ChunkPlan.Basis.PROBED;
    return planOf(request, rows, basis);
  }

  /** Single rows, by as many workers as can have one, for a network that is not prepared. */
  synchronized ChunkPlan unprepared(Request whole, long passes) {
    return planOf(whole.eachOf(workersWithMemory(whole, passes, 1)), 1, ChunkPlan.Basis.UNPREPARED);
  }

  private ChunkPlan oneByOne(Request whole, long passes) {
    measureRow(whole);
    return planOf(whole.eachOf(workersWithMemory(whole, passes, 1)), 1, ChunkPlan.Basis.ONE_BY_ONE);
  }

  /** The rows up to a limit that one worker may score at a time. */
  synchronized long fitting(Request whole, long limit) {
    measureRow(whole);
    if (whole.scorer.oneByOne().isPresent()) {
      return 1;
    }
    return possibleRows(whole.eachOf(1), limit);
  }

  /** As many workers as have something to do. */
  private static int workersFor(Request whole, long passes) {
    return (int) Math.max(1, Math.min(whole.workers, passes));
  }

  /** As many workers as have so many rows each, and memory for them. */
  private int workersWithMemory(Request whole, long passes, long rowsEach) {
    int workers = workersFor(whole, passes / rowsEach);
    while (workers > 1 && !fits(whole.eachOf(workers), rowsEach)) {
      workers /= 2;
    }
    return workers;
  }

  private boolean fits(Request request, long rows) {
    return rows <= fittingRows(request) && bytes(request, rows) <= request.budget;
  }

  /** A plan of exactly so many rows, but for those that were too many lately. */
  synchronized ChunkPlan given(Request whole, long given, long passes) {
    if (whole.scorer.oneByOne().isPresent()) {
      return oneByOne(whole, passes);
    }
    long rows = Math.min(given, passes);
    long fitting = Math.min(rows, fittingRows(whole));
    long chunks = (passes + fitting - 1) / fitting;
    return planOf(
        whole.eachOf(fasterTogether && whole.choosing ? 1 : workersFor(whole, chunks)),
        fitting,
        fitting < rows ? ChunkPlan.Basis.REDUCED : ChunkPlan.Basis.GIVEN);
  }

  private ChunkPlan planOf(Request request, long rows, ChunkPlan.Basis basis) {
    List<String> notes =
        request.scorer.oneByOne().stream()
            .map(reason -> "masked inputs are scored one by one: " + reason)
            .toList();
    return new ChunkPlan(
        rows,
        request.workers,
        request.scorer.precision(),
        bytes(request, rows),
        basis,
        chunks.stream().map(Trial::probe).toList(),
        notes);
  }

  /** Remembers for a while that so many rows did not fit. */
  synchronized void tooMany(Request request, long rows) {
    fittingRows(request); // Forgets what is too old.
    tooManyPixels = Math.min(tooManyPixels, rows * request.shape.pixels());
    tooManySince = clock.getAsLong();
  }

  /**
   * At most the limit, spread so that the last chunks are nearly full, and all workers have one.
   */
  static long spread(long passes, long limit, int workers) {
    long atOnce = limit * workers;
    long chunks = (passes + atOnce - 1) / atOnce * workers;
    return (passes + chunks - 1) / chunks;
  }

  /**
   * Runs one row, if nothing is known of what the network takes: of some, such as attention over
   * many places, it is hundreds of times what can be estimated, and a system that lends memory it
   * does not have ends the process that uses it.
   */
  private void measureRow(Request whole) {
    if (smallest != null || rowWasRun) {
      return;
    }
    rowWasRun = true;
    Request request = whole.eachOf(1);
    DeviceMemory device = DeviceMemory.of(request.device);
    try {
      OptionalLong peak = device.peakOf(() -> perRow(request, 1, 1));
      if (isMeasure(request, 1, peak)) {
        measured(request, 1, peak);
        whole.findings.tell(whole.questionOfRow(), smallest.toString());
      }
    } catch (InputException e) {
      LOG.log(System.Logger.Level.DEBUG, "a network that takes no single rows", e);
    } catch (RuntimeException e) {
      if (!NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      tooMany(request, 1);
    } finally {
      device.releaseKept();
    }
  }

  private void probeWhatPays(Request request, long passes) {
    while (!settled) {
      long possible = possibleRows(request, LAST_ROWS);
      long rows =
          chunks.isEmpty()
              ? Math.min(FIRST_ROWS, possible)
              : 2 * chunks.get(chunks.size() - 1).rows();
      boolean pays =
          rows <= possible && probedRows + RUNS * rows * request.workers <= passes / PROBE_SHARE;
      if (!pays || !probe(request, rows)) {
        return;
      }
    }
  }

  /** Measures chunks of so many rows; false if they do not fit. */
  private boolean probe(Request asked, long rows) {
    DeviceMemory device = DeviceMemory.of(asked.device);
    Request request = fasterTogether && asked.choosing ? asked.eachOf(1) : asked;
    try {
      double together = Double.POSITIVE_INFINITY;
      if (chunks.isEmpty()) {
        // Compiles and prepares the network itself.
        perRow(request.eachOf(1), rows, 1);
        if (request.workers > 1 && request.choosing) {
          together = perRow(request.eachOf(1), rows, 1);
        }
      }
      double[] millis = new double[1];
      int workers = request.workers;
      OptionalLong bytes = device.peakOf(() -> millis[0] = perRow(request, rows, RUNS));
      OptionalLong bytesEach =
          bytes.isPresent() ? OptionalLong.of(bytes.getAsLong() / workers) : bytes;
      if (gain(millis[0], together) > CLEAR_GAIN) {
        fasterTogether = true;
        millis[0] = together;
      }
      double before = fastestMillis(Long.MAX_VALUE);
      if (!chunks.isEmpty() && gain(before, millis[0]) < GAIN) {
        // Another process may have had the machine: once more before it counts.
        millis[0] = Math.min(millis[0], perRow(request, rows, RUNS));
      }
      settled = !chunks.isEmpty() && gain(before, millis[0]) / 2 < GAIN;
      long bytesOfOne = measured(request, rows, bytesEach);
      chunks.add(new Trial(rows, request.shape.pixels(), millis[0], bytesOfOne));
      asked.findings.tell(
          asked.question(), new MeasuredChunks(chunks, settled, fasterTogether).toString());
      probedRows += RUNS * rows * workers;
      return true;
    } catch (RuntimeException e) {
      if (!NativeErrors.isOutOfMemory(e)) {
        throw e;
      }
      tooMany(request, rows);
      return false;
    } finally {
      // A larger chunk than the one that is taken must not stay in the process.
      device.releaseKept();
    }
  }

  private static double gain(double before, double after) {
    return 1 - after / before;
  }

  /**
   * Runs the network on a chunk for each worker; the fastest run's milliseconds for a row. Of
   * workers beside each other what counts is the time that they had a core: other processes would
   * make larger chunks look slower, or faster, by chance.
   */
  private static double perRow(Request request, long rows, int runs) {
    DeviceMemory device = DeviceMemory.of(request.device);
    List<Tensor> chunks = new ArrayList<>();
    LongAdder computed = new LongAdder();
    try {
      while (chunks.size() < request.workers) {
        chunks.add(request.newChunk(rows));
      }
      double fastest = Double.POSITIVE_INFINITY;
      for (int run = 0; run < runs; run++) {
        Queue<Tensor> left = new ConcurrentLinkedQueue<>(chunks);
        device.finishWork();
        computed.reset();
        long start = System.nanoTime();
        Workers.ofTheProcess()
            .run(request.workers, 1, () -> scores(request.scorer, left.poll(), computed), () -> {});
        device.finishWork();
        long passed = System.nanoTime() - start;
        double nanos = request.workers == 1 ? passed : (double) computed.sum() / request.workers;
        fastest = Math.min(fastest, nanos / NANOS_PER_MILLI);
      }
      return fastest / rows / request.workers;
    } finally {
      chunks.forEach(Tensor::close);
    }
  }

  /** Adds the time that the thread had a core; false without a chunk. */
  private static boolean scores(Scorer scorer, Tensor chunk, LongAdder computed) {
    if (chunk == null) {
      return false;
    }
    long start = CoreShare.nanoTime();
    scorer.score(chunk).close();
    computed.add(CoreShare.nanoTime() - start);
    return true;
  }

  /** The smallest size that is nearly as fast as the fastest within the budget; 0 if none. */
  private long fastest(Request request) {
    long possible = possibleRows(request, LAST_ROWS);
    double limit = (1 + GAIN) * fastestMillis(possible);
    return chunks.stream()
        .filter(chunk -> chunk.rows() <= possible && chunk.millisPerRow() <= limit)
        .mapToLong(Trial::rows)
        .min()
        .orElse(0);
  }

  private double fastestMillis(long rows) {
    return chunks.stream()
        .filter(chunk -> chunk.rows() <= rows)
        .mapToDouble(Trial::millisPerRow)
        .min()
        .orElse(Double.POSITIVE_INFINITY);
  }

  /** Half of what did not fit lately; at least one row. */
  long fittingRows(Request request) {
    if (tooManyPixels == Long.MAX_VALUE) {
      return Long.MAX_VALUE;
    }
    if (clock.getAsLong() - tooManySince > NANOS_UNTIL_FORGOTTEN) {
      tooManyPixels = Long.MAX_VALUE;
      return Long.MAX_VALUE;
    }
    return Math.max(1, tooManyPixels / request.shape.pixels() / 2);
  }

  /** The rows up to a limit that the budget and the memory allow; at least one. */
  long possibleRows(Request request, long limit) {
    long fitting = Math.min(fittingRows(request), limit);
    long rows = 1;
    // What a chunk takes rises with its rows.
    for (long step = Long.highestOneBit(fitting); step > 0; step /= 2) {
      long more = rows + step;
      if (more <= fitting && bytes(request, more) <= request.budget) {
        rows = more;
      }
    }
    return rows;
  }

  /**
   * Takes in what a chunk was measured to take; each is larger than those before.
   *
   * @param peak if the system told it
   * @return the bytes that count: an estimate where they are not known
   */
  long measured(Request request, long rows, OptionalLong peak) {
    long bytes = isMeasure(request, rows, peak) ? peak.getAsLong() : estimate(request, rows);
    takeIn(new Measured(rows * request.shape.pixels(), bytes));
    return bytes;
  }

  /** Less than the chunk itself is no measure. */
  private static boolean isMeasure(Request request, long rows, OptionalLong peak) {
    return peak.isPresent() && peak.getAsLong() >= ofInputs(request, rows);
  }

  private void takeIn(Measured chunk) {
    largest = chunk;
    smallest = smallest == null ? chunk : smallest;
  }

  /** What a chunk takes. */
  long bytes(Request request, long rows) {
    if (smallest == null) {
      return estimate(request, rows);
    }
    double pixels = rows * request.shape.pixels();
    double bytes =
        largest.bytes > smallest.bytes && largest.pixels > smallest.pixels
            ? smallest.bytes
                + (largest.bytes - smallest.bytes)
                    * (pixels - smallest.pixels)
                    / (largest.pixels - smallest.pixels)
            : largest.bytes * pixels / largest.pixels;
    return Math.max(ofInputs(request, rows), (long) bytes);
  }

  private static long estimate(Request request, long rows) {
    return request.bytesOf(rows, request.shape.channels() + WIDEST_VALUES_PER_PIXEL);
  }

  private static long ofInputs(Request request, long rows) {
    return request.bytesOf(rows, request.shape.channels());
  }
}
