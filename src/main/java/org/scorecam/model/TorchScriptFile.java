package org.scorecam.model;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Symbol;
import org.bytedeco.pytorch.global.torch;
import org.scorecam.error.ModelException;
import org.scorecam.error.NativeErrors;
import org.scorecam.graph.Adaptation;
import org.scorecam.kernel.VisionOperators;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.OperatorLibraries;
import org.scorecam.weights.ForeignFile;
import org.scorecam.weights.WeightFile;

/** Reads a network that {@code torch.jit.save} wrote, and says why another file is none. */
final class TorchScriptFile {
  /** A call of an operator outside LibTorch's own {@code torch} in a program's source. */
  private static final Pattern OPERATOR = Pattern.compile("(?<![.\\w])ops\\.(\\w+)\\.(\\w+)\\(");

  /** More of a program's file is not searched for the reason why it cannot be loaded. */
  private static final int SOURCE_LIMIT = 16 << 20;

  private static final String NO_NETWORK = "is not a TorchScript file: ";

  private static final String WEIGHTS =
      "holds weights or a pickled object without code (torch.save), not a TorchScript network; save"
          + " it with torch.jit.script(model).save(…) or torch.jit.trace, or load the weights into a"
          + " network of the zoo (--arch NAME --weights FILE)";

  /** What LibTorch says of a constant that it could not write. */
  private static final String UNSAVED_CONSTANTS = "required keyword attribute 'value' is undefined";

  private TorchScriptFile() {}

  /**
   * Loads a network in evaluation mode, for float32 inputs on a device. Needs an open scope, to
   * which the module belongs.
   *
   * @throws ModelException if it cannot be loaded or has no {@code forward}, with the reason
   */
  static JitModule load(Path path, Device device) {
    if (!Files.isRegularFile(path)) {
      throw new ModelException(
          Files.exists(path)
              ? path + " is not a file; a TorchScript file is needed"
              : path + " does not exist");
    }
    JitModule module =
        NativeErrors.translate(
            () -> read(path, device),
            (words, e) -> new ModelException(path + " " + whyNot(path, words), e));
    if (!module.find_method("forward").has_value()) {
      throw new ModelException(path + " cannot be run: its network has no method forward");
    }
    return NativeErrors.translate(
        () -> {
          module.eval();
          Adaptation.of(module, device);
          return module;
        },
        (words, e) ->
            new ModelException(
                "%s cannot be prepared for %s.\nLibTorch says: %s".formatted(path, device, words),
                e));
  }

  /** Loads it, once more where it calls operators that we can define. */
  private static JitModule read(Path path, Device device) {
    try {
      return torch.load(path.toString(), new DeviceOptional(device.toTorch()), false);
    } catch (RuntimeException e) {
      Set<String> missing = missingOperators(path);
      if (missing.isEmpty() || !VisionOperators.define(missing)) {
        throw e;
      }
      return torch.load(path.toString(), new DeviceOptional(device.toTorch()), false);
    }
  }

  private static Set<String> missingOperators(Path path) {
    try (ZipFile zip = new ZipFile(path.toFile())) {
      return missingOperators(zip, sourcesIn(zip));
    } catch (IOException e) {
      return Set.of(); // Why it is not one is said by whyNot.
    }
  }

  private static List<? extends ZipEntry> sourcesIn(ZipFile zip) {
    return zip.stream().filter(entry -> entry.getName().contains("/code/")).toList();
  }

  private static String whyNot(Path path, String words) {
    try (ZipFile zip = new ZipFile(path.toFile())) {
      List<String> names = zip.stream().map(ZipEntry::getName).toList();
      Optional<String> foreign = ForeignFile.ofZip(names, ForeignFile.Wanted.TORCHSCRIPT);
      if (foreign.isPresent()) {
        return NO_NETWORK + foreign.get();
      }
      boolean pickled = names.stream().anyMatch(name -> name.endsWith("data.pkl"));
      List<? extends ZipEntry> sources = sourcesIn(zip);
      if (pickled && sources.isEmpty()) {
        return WEIGHTS;
      }
      Set<String> missing = missingOperators(zip, sources);
      if (!missing.isEmpty()) {
        return "calls operators that LibTorch does not have: " + whose(missing);
      }
      return "cannot be loaded as TorchScript"
          + (words.equals(UNSAVED_CONSTANTS)
              ? ": it has constants without values, as torch.jit.optimize_for_inference leaves"
                  + " them; save the network before that"
              : ".\nLibTorch says: " + words);
    } catch (IOException e) {
      return whyNoZip(path);
    }
  }

  private static String whyNoZip(Path path) {
    byte[] head;
    try (InputStream in = Files.newInputStream(path)) {
      head = in.readNBytes(ForeignFile.HEAD);
    } catch (IOException e) {
      return "cannot be read: " + e.getMessage();
    }
    if (head.length == 0) {
      return "is empty; download or save it again";
    }
    if (head[0] == 'P' && head.length > 1 && head[1] == 'K') {
      return "is truncated or damaged; download or save it again";
    }
    Optional<String> foreign =
        ForeignFile.of(ByteBuffer.wrap(head), ForeignFile.Wanted.TORCHSCRIPT);
    if (foreign.isPresent()) {
      return NO_NETWORK + foreign.get();
    }
    try (WeightFile weights = WeightFile.open(path)) {
      return WEIGHTS;
    } catch (ModelException e) {
      return NO_NETWORK + "only torch.jit.save writes one";
    }
  }

  /** The operators that a program calls and that are not there, such as torchvision::nms. */
  private static Set<String> missingOperators(ZipFile zip, List<? extends ZipEntry> sources)
      throws IOException {
    Set<String> missing = new TreeSet<>();
    for (ZipEntry source : sources) {
      if (!source.getName().endsWith(".py")) {
        continue;
      }
      try (InputStream in = zip.getInputStream(source)) {
        String text = new String(in.readNBytes(SOURCE_LIMIT), StandardCharsets.UTF_8);
        for (Matcher call = OPERATOR.matcher(text); call.find(); ) {
          String name = call.group(1) + "::" + call.group(2);
          if (torch.getAllOperatorsFor(Symbol.fromQualString(name)).empty()) {
            missing.add(name);
          }
        }
      }
    }
    return missing;
  }

  private static String whose(Set<String> missing) {
    String libraries =
        missing.stream()
            .map(name -> name.replaceFirst("::.*", ""))
            .distinct()
            .collect(joining(", "));
    return ("%s. They are part of %s; load its operator library, %s, with LibTorch.loadOperators(path)"
            + " or --operators FILE")
        .formatted(String.join(", ", missing), libraries, OperatorLibraries.requirement());
  }
}
