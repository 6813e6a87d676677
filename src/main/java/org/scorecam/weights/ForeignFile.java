package org.scorecam.weights;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Locale;

/** Files that people take for weights: told by their content, with what to do instead. */
final class ForeignFile {
  /** How much of a file is looked at. */
  static final int HEAD = 512;

  private static final int MAX_SHOWN = 60;
  private static final int TAR_MAGIC = 257;

  private static final String EXPORT =
      "; load the model in Python and save its weights with"
          + " torch.save(model.state_dict(), FILE)";
  private static final String UNPACK = "; unpack it, and give the weight file in it";

  private ForeignFile() {}

  /** First bytes in ISO 8859-1, where they lie, and what they say the file is. */
  private record Signature(int offset, String bytes, String meaning) {}

  private static final String NOT_PYTORCH =
      "; convert it to PyTorch's or safetensors' format first";

  private static final List<Signature> SIGNATURES =
      List.of(
          new Signature(
              0, "\u0089HDF\r\n\u001a\n", "it is an HDF5 file, as Keras writes it" + NOT_PYTORCH),
          new Signature(0, "\u0008\u0001\u0012", "it is a SavedModel of TensorFlow" + NOT_PYTORCH),
          new Signature(4, "TFL3", "it is a TensorFlow Lite file" + NOT_PYTORCH),
          new Signature(0, "GGUF", "it is a GGUF file, as llama.cpp reads it" + NOT_PYTORCH),
          new Signature(0, "\u0093NUMPY", "it is a single NumPy array" + NOT_PYTORCH),
          new Signature(0, "\u001f\u008b", "it is compressed with gzip" + UNPACK),
          new Signature(0, "BZh", "it is compressed with bzip2" + UNPACK),
          new Signature(0, "\u00fd7zXZ\u0000", "it is compressed with xz" + UNPACK),
          new Signature(0, "(\u00b5/\u00fd", "it is compressed with zstd" + UNPACK),
          new Signature(0, "7z\u00bc\u00af'\u001c", "it is a 7z archive" + UNPACK),
          new Signature(0, "Rar!\u001a\u0007", "it is a RAR archive" + UNPACK),
          new Signature(TAR_MAGIC, "ustar", "it is a tar archive" + UNPACK),
          new Signature(0, "\u0089PNG\r\n", "it is a PNG picture; give the weight file"),
          new Signature(0, "\u00ff\u00d8\u00ff", "it is a JPEG picture; give the weight file"));

  /** What a file with these first bytes is, or null if it may hold weights. */
  static String of(ByteBuffer head) {
    String bytes = StandardCharsets.ISO_8859_1.decode(head.duplicate()).toString();
    for (Signature signature : SIGNATURES) {
      if (bytes.startsWith(signature.bytes, signature.offset)) {
        return signature.meaning;
      }
    }
    if (isOnnx(bytes)) {
      return "it is an ONNX file; LibTorch cannot run it" + EXPORT;
    }
    return isText(bytes) ? ofText(bytes.strip()) : null;
  }

  /** Whether a file with these first bytes is JSON, such as an index of shards. */
  static boolean isJson(ByteBuffer head) {
    String bytes = StandardCharsets.ISO_8859_1.decode(head.duplicate()).toString();
    return isText(bytes) && bytes.strip().startsWith("{");
  }

  /** What a zip file of these records is, or null if it may hold weights. */
  static String ofZip(Collection<String> names) {
    if (has(names, "/data.pkl") || names.contains("data.pkl")) {
      return null;
    }
    if (has(names, "archive_format")
        || has(names, "serialized_exported_program.json")
        || has(names, "models/model.json")) {
      return "it is a program of torch.export (.pt2), which is neither weights nor TorchScript"
          + EXPORT;
    }
    if (has(names, "model.weights.h5")) {
      return "it is a Keras file (.keras)" + NOT_PYTORCH;
    }
    if (has(names, "coremldata.bin") || has(names, ".mlmodel")) {
      return "it is a Core ML package" + NOT_PYTORCH;
    }
    if (!names.isEmpty() && names.stream().allMatch(name -> name.endsWith(".npy"))) {
      return "it is a file of NumPy arrays (.npz)" + NOT_PYTORCH;
    }
    List<String> inside =
        names.stream()
            .filter(name -> name.matches("(?s).*\\.(pth?|bin|ckpt|safetensors)"))
            .toList();
    return inside.isEmpty()
        ? null
        : "it is a zip archive with " + NameList.of(inside) + " in it" + UNPACK;
  }

  private static boolean has(Collection<String> names, String ending) {
    return names.stream().anyMatch(name -> name.endsWith(ending));
  }

  /** A protobuf that begins with {@code ir_version} and one of the fields that may follow it. */
  private static boolean isOnnx(String bytes) {
    return bytes.length() >= 3
        && bytes.charAt(0) == 0x08
        && bytes.charAt(1) >= 1
        && bytes.charAt(1) <= 30
        && "\u0012\u001a\"*2:B".indexOf(bytes.charAt(2)) >= 0;
  }

  private static boolean isText(String bytes) {
    return !bytes.isBlank()
        && bytes.chars().allMatch(c -> c >= ' ' ? c != 0x7f : c == '\n' || c == '\r' || c == '\t');
  }

  private static String ofText(String text) {
    String start = text.toLowerCase(Locale.ROOT);
    if (start.startsWith("version https://git-lfs.github.com/spec/")) {
      return "it is a pointer of Git LFS, not the file itself; run 'git lfs pull' in its repository,"
          + " or download the file";
    }
    // UTF-8's byte order mark comes first in some.
    if (start.replaceFirst("^\u00ef\u00bb\u00bf", "").startsWith("<")) {
      return "it is an HTML or XML page in place of a download, such as an error or login page;"
          + " open its link in a browser, and download the file itself (on Hugging Face, the link"
          + " with /resolve/ instead of /blob/)";
    }
    String line = text.lines().findFirst().orElse("");
    return "it is a text file that begins '"
        + Printable.of(line, MAX_SHOWN)
        + "', perhaps an error message in place of a download; download the file again";
  }
}
