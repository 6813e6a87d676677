package org.scorecam;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.model.HookedModel;
import org.scorecam.model.InputShape;
import org.scorecam.model.ModelOutput;
import org.scorecam.model.Precision;
import org.scorecam.model.Scorer;
import org.scorecam.runtime.LibTorch;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;

/** A process of its own that says how LibTorch is set up, and what a network scores there. */
public final class SetUpProbe {
  private static final Path MEMORY = Path.of("/proc/self/smaps");
  private static final long LARGE = 64L << 20;

  private SetUpProbe() {}

  /** Prints one line for each fact, or the error. */
  public static void main(String[] arguments) throws IOException {
    try {
      report();
    } catch (RuntimeException e) {
      System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }

  /** What is set up, and what a network scores. */
  static void report() throws IOException {
    LibTorch.setUp().forEach((name, done) -> System.out.println(name + ": " + done));
    System.out.println("huge: " + asksForHugePages());
    try (NativeScope scope = NativeScope.open();
        HookedModel model = Goldens.model("tinyresnet_script.pt");
        Tensor input = Goldens.tensor("tinyresnet.input.npy")) {
      Scorer scorer = model.scorer(Precision.FLOAT32, InputShape.ofRowsIn(input));
      try (ModelOutput output = scorer.score(input.contiguous(scorer.memoryFormat()))) {
        System.out.println("scores: " + Arrays.toString(Tensors.toArray(output.tensor())));
      }
    }
  }

  /** Whether the memory of a large tensor is one that the system was asked huge pages for. */
  private static boolean asksForHugePages() throws IOException {
    if (!Files.isReadable(MEMORY)) {
      return false;
    }
    try (NativeScope scope = NativeScope.open()) {
      Tensor large = torch.empty(LARGE);
      long address = large.data_ptr().address() + LARGE / 2;
      List<String> lines = Files.readAllLines(MEMORY);
      boolean within = false;
      for (String line : lines) {
        if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
          String[] range = line.split("[- ]", 3);
          within =
              Long.compareUnsigned(Long.parseUnsignedLong(range[0], 16), address) <= 0
                  && Long.compareUnsigned(address, Long.parseUnsignedLong(range[1], 16)) < 0;
        } else if (within && line.startsWith("VmFlags:")) {
          return Arrays.asList(line.split(" ", -1)).contains("hg");
        }
      }
      return false;
    }
  }
}
