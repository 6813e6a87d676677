package org.scorecam.bench;

import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.scorecam.mask.ChannelFacts;
import org.scorecam.mask.KernelMasker;
import org.scorecam.mask.MaskRule;
import org.scorecam.mask.Masker;
import org.scorecam.mask.Masks;
import org.scorecam.mask.TensorMasker;
import org.scorecam.mask.Upsampling;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;

/**
 * The masked inputs of one image, 3×224×224, by our kernels and by compositions of LibTorch's
 * operations. What they are to be compared with is the fastest of the latter, over both layouts.
 *
 * <pre>{@code
 * mvn -Pbench test-compile exec:exec@bench -Dbench.include=Mask
 * }</pre>
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class MaskBenchmark {
  private static final int SIDE = 224;
  private static final MaskRule RULE =
      new MaskRule(Upsampling.BICUBIC, MaskRule.Order.AFTER_UPSAMPLING, 1e-10);

  /** Who makes the masks. "fill" writes the same bytes without making anything. */
  @Param({"kernel", "operations", "operationsInPlace", "fill"})
  public String maker;

  /** Memory format of the chunk. */
  @Param({"Contiguous", "ChannelsLast"})
  public String layout;

  /** K. */
  @Param({"512", "2048"})
  public int channels;

  /** h and w. */
  @Param({"7", "14"})
  public int size;

  /** Rows of the chunk. */
  @Param({"32", "64"})
  public int rows;

  private Masker masker;
  private Tensor maps;
  private Tensor image;
  private Tensor chunk;

  /** Makes maps, image and chunk. */
  @Setup(Level.Trial)
  public void setUp() {
    LibTorch.load();
    masker =
        switch (maker) {
          case "kernel" -> new KernelMasker();
          case "operations" -> new TensorMasker();
          case "operationsInPlace" -> new InPlaceMasker();
          default -> new Filler();
        };
    try (NativeScope scope = NativeScope.open()) {
      maps = scope.keep(torch.randn(channels, size, size).relu());
      image = scope.keep(torch.randn(3, SIDE, SIDE));
      long[] shape = {rows, 3, SIDE, SIDE};
      chunk =
          scope.keep(
              torch.empty(
                  shape,
                  new TensorOptions(ScalarType.Float),
                  new MemoryFormatOptional(MemoryFormat.valueOf(layout))));
    }
  }

  /** Frees them. */
  @TearDown(Level.Trial)
  public void tearDown() {
    maps.close();
    image.close();
    chunk.close();
  }

  /** All K masked inputs, chunk after chunk. */
  @Benchmark
  public void maskedInputs() {
    try (Masks masks = masker.prepare(maps, image, RULE)) {
      for (int first = 0; first < channels; first += rows) {
        masks.write(LongStream.range(first, first + rows).toArray(), chunk);
      }
    }
  }

  /** The floor: a store to each element of the chunk. */
  private static final class Filler implements Masker {
    @Override
    public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
      return new Composition() {
        @Override
        public void write(long[] channels, Tensor rows) {
          try (NativeScope scope = NativeScope.open()) {
            rows.fill_(new Scalar(1.0f));
          }
        }
      };
    }

    @Override
    public String description() {
      return "fill_";
    }
  }

  /** As {@link TensorMasker}, with as few temporaries as LibTorch's operations can do with. */
  private static final class InPlaceMasker implements Masker {
    @Override
    public Masks prepare(Tensor activations, Tensor image, MaskRule rule) {
      return new Composition() {
        @Override
        public void write(long[] channels, Tensor rows) {
          try (NativeScope scope = NativeScope.open()) {
            Tensor selected = activations.narrow(0, channels[0], channels.length).unsqueeze(1);
            Tensor masks = rule.upsampling().apply(selected, image.size(1), image.size(2));
            T_TensorTensor_T range = torch.aminmax(masks.flatten(1, -1), new LongOptional(1), true);
            Tensor minima = range.get0().view(-1, 1, 1, 1);
            Tensor span = range.get1().view(-1, 1, 1, 1).sub(minima);
            Tensor factor = span.add_(new Scalar(rule.epsilon())).reciprocal_();
            torch.mul_out(rows, masks.sub_(minima).mul_(factor), image);
          }
        }
      };
    }

    @Override
    public String description() {
      return "LibTorch operations in place";
    }
  }

  private abstract static class Composition implements Masks {
    @Override
    public ChannelFacts facts() {
      throw new UnsupportedOperationException("not asked for here");
    }

    @Override
    public void close() {}
  }
}
