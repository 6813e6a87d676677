package org.scorecam.cli;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.scorecam.Explainer;
import org.scorecam.model.HookedModel;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

/**
 * One of the methods that are compared.
 *
 * @param name its name and options, as they were asked for
 * @param explainer owned by this
 */
record ComparedMethod(String name, Explainer explainer) implements AutoCloseable {
  /** The options of one method, as {@code explain} has them. */
  @Command
  private static final class Words {
    @Mixin private MethodOptions options;
  }

  /**
   * Makes the explainers of methods.
   *
   * @param names each with the options that it has in {@code explain} after it
   * @param layers each by itself the target layer of every method that names none; where there are
   *     none, it is the network's customary one
   * @param passes of the methods that say nothing of theirs
   * @param asking the command whose user is told what is wrong
   * @return each owned by the caller
   */
  static List<ComparedMethod> of(
      List<String> names,
      List<String> layers,
      PassOptions passes,
      HookedModel model,
      CommandLine asking) {
    List<ComparedMethod> methods = new ArrayList<>();
    try {
      for (String name : names) {
        List<String> words = Arrays.asList(("--method " + name.strip()).split("\\s+"));
        boolean hasLayer = words.stream().anyMatch(word -> word.matches("--layer(=.*)?"));
        if (hasLayer || layers.isEmpty()) {
          methods.add(of(name, words, passes, model, asking));
        } else {
          for (String layer : layers) {
            List<String> withLayer = new ArrayList<>(words);
            withLayer.addAll(List.of("--layer", layer));
            methods.add(of(name, withLayer, passes, model, asking));
          }
        }
      }
      return methods;
    } catch (RuntimeException | Error e) {
      methods.forEach(ComparedMethod::close);
      throw e;
    }
  }

  private static ComparedMethod of(
      String name, List<String> words, PassOptions passes, HookedModel model, CommandLine asking) {
    Words parsed = new Words();
    try {
      new CommandLine(parsed)
          .setCaseInsensitiveEnumValuesAllowed(true)
          .parseArgs(words.toArray(String[]::new));
      parsed.options.requireDifferentLayers();
      parsed.options.passesUnlessGiven(passes);
      return new ComparedMethod(name, parsed.options.explainer(model, (scored, total) -> {}));
    } catch (ParameterException e) {
      throw new ParameterException(asking, "--method '%s': %s".formatted(name, e.getMessage()), e);
    }
  }

  @Override
  public void close() {
    explainer.close();
  }
}
