package org.scorecam.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.bytedeco.pytorch.Tensor;
import org.scorecam.Recipe;
import org.scorecam.Saliency;
import org.scorecam.ScoreCam;
import org.scorecam.Target;
import org.scorecam.demo.DemoNetwork;
import org.scorecam.demo.DemoScenes;
import org.scorecam.demo.Scene;
import org.scorecam.demo.SceneObject;
import org.scorecam.error.OutputException;
import org.scorecam.file.AtomicFile;
import org.scorecam.file.FileErrors;
import org.scorecam.image.Colormap;
import org.scorecam.image.Heatmap;
import org.scorecam.image.Interpolation;
import org.scorecam.image.Overlay;
import org.scorecam.image.Picture;
import org.scorecam.model.HookedModel;
import org.scorecam.model.TorchScriptModel;
import org.scorecam.runtime.Device;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "demo",
    description = {
      "Explains two scenes with a small network that comes with the program.",
      "For each object it prints how much of the map's energy lies inside the object's box.",
    },
    mixinStandardHelpOptions = true)
final class DemoCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      defaultValue = "scorecam-demo",
      description = "Folder for the pictures and index.html; default: ${DEFAULT-VALUE}.")
  private Path folder;

  @Override
  public void run() {
    Path file = DemoNetwork.extract();
    try (HookedModel network = TorchScriptModel.load(file, Device.cpu());
        ScoreCam cam = ScoreCam.on(network).layer(DemoNetwork.LAYER).recipe(Recipe.TISKW).build()) {
      Files.createDirectories(folder);
      DemoPage page = new DemoPage();
      List<Scene> scenes = DemoScenes.load();
      for (int s = 0; s < scenes.size(); s++) {
        explain(cam, scenes.get(s), "scene-" + (s + 1), page);
      }
      Path index = folder.resolve("index.html");
      byte[] html = page.html().getBytes(StandardCharsets.UTF_8);
      AtomicFile.write(index, out -> out.write(html));
      spec.commandLine().getOut().println("See " + index);
    } catch (IOException e) {
      throw new OutputException(
          "the folder %s cannot be created: %s".formatted(folder, FileErrors.reasonOf(e)), e);
    } finally {
      file.toFile().delete();
    }
  }

  private void explain(ScoreCam cam, Scene scene, String name, DemoPage page) {
    Picture picture = Picture.of(scene.image());
    picture.write(folder.resolve(name + ".png"));
    List<DemoPage.Row> rows = new ArrayList<>();
    List<SceneObject> objects = scene.objects();
    List<Target> targets =
        objects.stream().map(object -> Target.ofClass(object.kind().classIndex())).toList();
    try (Tensor input = scene.toTensor()) {
      List<Saliency> saliencies = cam.explain(input, targets);
      try {
        for (int i = 0; i < objects.size(); i++) {
          rows.add(show(objects.get(i), saliencies.get(i).toArray(), picture, name));
        }
      } finally {
        saliencies.forEach(Saliency::close);
      }
    }
    page.add(name, rows);
  }

  private DemoPage.Row show(SceneObject object, float[][] map, Picture picture, String scene) {
    String kind = object.kind().name().toLowerCase(Locale.ROOT);
    Heatmap heatmap = Heatmap.of(map);
    String stem = scene + "-" + kind;
    heatmap
        .resize(picture.width(), picture.height(), Interpolation.BILINEAR)
        .toPicture(Colormap.JET)
        .write(folder.resolve(stem + "-heatmap.png"));
    Overlay.jet().draw(heatmap, picture).write(folder.resolve(stem + "-overlay.png"));
    double energy = object.box().share(map);
    double area = (double) object.box().area() / ((long) picture.width() * picture.height());
    spec.commandLine()
        .getOut()
        .printf(
            Locale.ROOT,
            "%s %-8s %.0f %% of the energy inside its box, which is %.0f %% of the picture%n",
            scene,
            kind,
            100 * energy,
            100 * area);
    return new DemoPage.Row(kind, stem, energy, area);
  }
}
