package org.scorecam.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.error.InputException;
import org.scorecam.model.HookedModel;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.Tensors;
import picocli.CommandLine.Option;

/** The options that name an input to try a network with; one of them is given. */
final class SampleInput {
  /** How many channels a picture may have, likeliest first. */
  private static final List<Integer> PICTURE_CHANNELS = List.of(3, 1, 4);

  /** So that every run sees the same noise. */
  private static final long SEED = 20;

  @Option(names = "--tensor", paramLabel = "FILE.npy", description = "An input [N, C, H, W].")
  private Path tensor;

  @Option(
      names = "--size",
      paramLabel = "WxH",
      converter = Size.Converter.class,
      description =
          "Random noise of this size as the input, with as many channels as the network takes.")
  private Size size;

  @Option(
      names = "--pictures",
      paramLabel = "FILE|FOLDER|PATTERN",
      arity = "1..*",
      description = {
        "Instead of timing, explain these pictures with the chosen channels and with all, and show"
            + " how far the maps agree: each picture as it is, mirrored, and two of its corners.",
        "They are preprocessed as the explain command does by default.",
      })
  private List<String> pictures;

  /** The pictures; empty where another input was named. */
  List<Path> pictures() {
    return pictures == null
        ? List.of()
        : pictures.stream().flatMap(word -> PictureFiles.named(word).stream()).toList();
  }

  /** Noise [1, 3, H, W]; owned by the caller. */
  static Tensor colouredNoise(Size size) {
    SampleInput input = new SampleInput();
    input.size = size;
    return input.noise(PICTURE_CHANNELS.get(0));
  }

  /** The size of the noise, or null for a given input. */
  Size size() {
    return size;
  }

  /** The input, which the network has run if it is noise; owned by the caller. */
  Tensor tensorFor(HookedModel network) {
    if (tensor != null) {
      return stored(network);
    }
    InputException firstRefusal = null;
    for (int channels : PICTURE_CHANNELS) {
      Tensor noise = noise(channels);
      try {
        network.forward(noise).close();
        return noise;
      } catch (InputException e) {
        noise.close();
        firstRefusal = firstRefusal == null ? e : firstRefusal;
      }
    }
    throw firstRefusal;
  }

  private Tensor stored(HookedModel network) {
    try (NativeScope scope = NativeScope.open()) {
      List<Tensor> taken = new ArrayList<>();
      InputTensor.use(
          InputTensor.read(tensor),
          tensor,
          inputs -> {
            network.forward(inputs).close();
            taken.add(new Tensor(inputs));
          });
      return scope.keep(taken.get(0));
    }
  }

  private Tensor noise(int channels) {
    float[] values =
        new float[Math.multiplyExact(Math.multiplyExact(channels, size.height()), size.width())];
    Random random = new Random(SEED);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensors.of(values, 1, channels, size.height(), size.width());
  }
}
