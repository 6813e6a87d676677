package org.scorecam.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.scorecam.runtime.Device;
import org.scorecam.tensor.NativeArray;
import org.scorecam.tensor.Tensors;

/** A null argument is named. */
class NullArgumentsTest {
  private static final Picture PICTURE = Picture.of(1, 1, new byte[3]);
  private static final Heatmap HEATMAP = Heatmap.of(new float[1], 1, 1);

  @Test
  void ofPictures() {
    assertNamed(
        Map.of(
            () -> Picture.read(null), "file",
            () -> Picture.read((InputStream) null, "x"), "in",
            () -> Picture.read(InputStream.nullInputStream(), null), "name",
            () -> Picture.decode(null, "x"), "encoded",
            () -> Picture.decode(new byte[1], null), "name",
            () -> Picture.of(1, 1, null), "rgb",
            () -> Picture.of((BufferedImage) null), "image",
            () -> PICTURE.resize(1, 1, null), "interpolation",
            () -> PICTURE.write((Path) null), "file"));
  }

  @Test
  void ofHeatmapsAndOverlays() {
    assertNamed(
        Map.of(
            () -> Heatmap.of(null), "map",
            () -> Heatmap.of(null, 1, 1), "map",
            () -> HEATMAP.resize(1, 1, null), "interpolation",
            () -> HEATMAP.toPicture(null), "colormap",
            () -> Overlay.of(null, 0.5), "colormap",
            () -> Overlay.jet().draw(null, PICTURE), "heatmap",
            () -> Overlay.jet().draw(HEATMAP, null), "picture",
            () -> Overlay.jet().draw(HEATMAP, PICTURE, null), "region",
            () -> Region.whole(null), "picture"));
  }

  @Test
  void ofPreprocessing() {
    Preprocessing none = Preprocessing.none();
    assertNamed(
        Map.of(
            () -> none.shorterSide(1, null), "interpolation",
            () -> none.stretch(1, 1, null), "interpolation",
            () -> none.normalise(null, new float[1]), "mean",
            () -> none.normalise(new float[1], null), "std",
            () -> none.regionOf(null), "picture",
            () -> none.apply((Picture) null), "picture",
            () -> none.apply((List<Picture>) null), "pictures"));
  }

  @Test
  void ofTensors() {
    assertNamed(
        Map.of(
            () -> Tensors.of(null, 1), "values",
            () -> Tensors.of(new float[1], (long[]) null), "shape",
            () -> Tensors.ofImage((float[][]) null), "rows",
            () -> Tensors.ofImage((float[][][]) null), "rows",
            () -> Tensors.toArray(null), "tensor",
            () -> Tensors.toRows(null), "matrix",
            () -> Tensors.shapeOf(null), "tensor",
            () -> NativeArray.of((Tensor) null), "tensor",
            () -> NativeArray.contiguous(1, null, Device.cpu(), 1), "dtype",
            () -> NativeArray.contiguous(1, ScalarType.Float, null, 1), "device"));
  }

  private static void assertNamed(Map<Executable, String> calls) {
    calls.forEach(
        (call, name) ->
            assertEquals(name, assertThrows(NullPointerException.class, call).getMessage()));
  }
}
