package org.scorecam.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.scorecam.error.ModelException;

/** What is taken for a weight file, and is none, is named. */
class ForeignFileTest {
  private static final String CONVERT = "; convert it to PyTorch's or safetensors' format first";
  private static final String SAVE =
      "; load the model in Python and save its weights with torch.save(model.state_dict(), FILE)";
  private static final String UNPACK = "; unpack it, and give the weight file in it";

  @TempDir Path folder;

  static Stream<Arguments> files() throws IOException {
    ByteArrayOutputStream gzip = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
      out.write(new byte[100]);
    }
    byte[] tar = new byte[512];
    System.arraycopy(bytes("weights.pth"), 0, tar, 0, 11);
    System.arraycopy(bytes("ustar"), 0, tar, 257, 5);
    String page =
        "it is an HTML or XML page in place of a download, such as an error or login page; open its"
            + " link in a browser, and download the file itself (on Hugging Face, the link with"
            + " /resolve/ instead of /blob/)";
    return Stream.of(
        Arguments.of(
            bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
            "it is a pointer of Git LFS, not the file itself; run 'git lfs pull' in its repository,"
                + " or download the file"),
        Arguments.of(bytes("\n<!DOCTYPE html><html></html>"), page),
        Arguments.of(bytes("\u00ef\u00bb\u00bf<?xml version='1.0'?><Error/>"), page),
        Arguments.of(
            bytes("Entry not found"),
            "it is a text file that begins 'Entry not found', perhaps an error message in place of a download;"
                + " download the file again"),
        Arguments.of(
            bytes("{\"architectures\": [\"ResNet\"]}"),
            "it is JSON, but not an index of shards, since it has no weight_map; give the weight"
                + " file itself"),
        Arguments.of(
            bytes("{\"meta\":{}, \"weight_map\": {\"a\": 1}}"),
            "its weight_map has a NUMBER where a file's name belongs"),
        Arguments.of(
            bytes("\u0089HDF\r\n\u001a\n" + "\0".repeat(600)),
            "it is an HDF5 file, as Keras writes it" + CONVERT),
        Arguments.of(
            bytes("\u0008\u0001\u0012\u00ff\u0001"), "it is a SavedModel of TensorFlow" + CONVERT),
        Arguments.of(
            bytes("\u0008\u0008\u0012\u0007pytorch"),
            "it is an ONNX file, which LibTorch cannot run" + SAVE),
        Arguments.of(gzip.toByteArray(), "it is compressed with gzip" + UNPACK),
        Arguments.of(tar, "it is a tar archive" + UNPACK),
        Arguments.of(
            zip("m/archive_format", "m/archive_version", "m/models/model.json"),
            "it is a program of torch.export (.pt2), which is neither weights nor TorchScript"
                + SAVE),
        Arguments.of(
            zip("metadata.json", "config.json", "model.weights.h5"),
            "it is a Keras file (.keras)" + CONVERT),
        Arguments.of(zip("a.npy", "b.npy"), "it is a file of NumPy arrays (.npz)" + CONVERT),
        Arguments.of(
            zip("readme.txt", "dir/state.pth"),
            "it is a zip archive with 'dir/state.pth' in it" + UNPACK));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("files")
  void isNamed(byte[] content, String message) {
    Path path = TestFiles.write(folder, content);
    ModelException error = assertThrows(ModelException.class, () -> WeightFile.open(path).close());
    assertEquals(path + " cannot be used: " + message, error.getMessage());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] zip(String... names) {
    Map<String, byte[]> records = new LinkedHashMap<>();
    Arrays.stream(names).forEach(name -> records.put(name, bytes("{}")));
    return TestFiles.zip(records, ZipEntry.STORED);
  }
}
