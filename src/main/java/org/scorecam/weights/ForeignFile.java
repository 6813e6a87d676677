package org.scorecam.weights;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Files that people take for weights or networks: told by their content, with what to do. */
public final class ForeignFile {
  /** How many bytes of a file are looked at. */
  public static final int HEAD = 512;

  private static final int MAX_SHOWN = 60;
  private static final int TAR_MAGIC = 257;

  /** What a file was taken for, with what is to be done where it is something else. */
  public enum Wanted {
    /** Weights, for a network that is there already. */
    WEIGHTS(
        "convert it to PyTorch's or safetensors' format first",
        "load the model in Python and save its weights with"
            + " torch.save(model.state_dict(), FILE)",
        "give the weight file"),

    /** A network with its code. */
    TORCHSCRIPT(
        "convert the network to PyTorch first, and save it with torch.jit.script(model).save(FILE)",
        "load the model in Python and save it with torch.jit.script(model).save(FILE), or with"
            + " torch.jit.trace",
        "give the TorchScript file");

    private final String convert;
    private final String export;
    private final String give;

    Wanted(String convert, String export, String give) {
      this.convert = convert;
      this.export = export;
      this.give = give;
    }
  }

  /** What is to be done. */
  private enum Remedy {
    CONVERT,
    EXPORT,
    UNPACK,
    GIVE;

    String after(String what, Wanted wanted) {
      return "it is "
          + what
          + "; "
          + switch (this) {
            case CONVERT -> wanted.convert;
            case EXPORT -> wanted.export;
            case UNPACK -> "unpack it, and " + wanted.give + " in it";
            case GIVE -> wanted.give;
          };
    }
  }

  private ForeignFile() {}

  /** First bytes in ISO 8859-1, where they lie, and what they say the file is. */
  private record Signature(int offset, String bytes, String what, Remedy remedy) {}

  private static final List<Signature> SIGNATURES =
      List.of(
          new Signature(
              0, "\u0089HDF\r\n\u001a\n", "an HDF5 file, as Keras writes it", Remedy.CONVERT),
          new Signature(0, "\u0008\u0001\u0012", "a SavedModel of TensorFlow", Remedy.CONVERT),
          new Signature(4, "TFL3", "a TensorFlow Lite file", Remedy.CONVERT),
          new Signature(0, "GGUF", "a GGUF file, as llama.cpp reads it", Remedy.CONVERT),
          new Signature(0, "\u0093NUMPY", "a single NumPy array", Remedy.CONVERT),
          new Signature(0, "\u001f\u008b", "compressed with gzip", Remedy.UNPACK),
          new Signature(0, "BZh", "compressed with bzip2", Remedy.UNPACK),
          new Signature(0, "\u00fd7zXZ\u0000", "compressed with xz", Remedy.UNPACK),
          new Signature(0, "(\u00b5/\u00fd", "compressed with zstd", Remedy.UNPACK),
          new Signature(0, "7z\u00bc\u00af'\u001c", "a 7z archive", Remedy.UNPACK),
          new Signature(0, "Rar!\u001a\u0007", "a RAR archive", Remedy.UNPACK),
          new Signature(TAR_MAGIC, "ustar", "a tar archive", Remedy.UNPACK),
          new Signature(0, "\u0089PNG\r\n", "a PNG picture", Remedy.GIVE),
          new Signature(0, "\u00ff\u00d8\u00ff", "a JPEG picture", Remedy.GIVE));

  /**
   * What a file is, if it is known to be something else.
   *
   * @param head its first bytes, up to {@link #HEAD}
   * @param wanted what it was taken for
   * @return a sentence that begins with "it is", with what to do
   */
  public static Optional<String> of(ByteBuffer head, Wanted wanted) {
    String bytes = StandardCharsets.ISO_8859_1.decode(head.duplicate()).toString();
    for (Signature signature : SIGNATURES) {
      if (bytes.startsWith(signature.bytes, signature.offset)) {
        return Optional.of(signature.remedy.after(signature.what, wanted));
      }
    }
    if (isOnnx(bytes)) {
      return Optional.of(Remedy.EXPORT.after("an ONNX file, which LibTorch cannot run", wanted));
    }
    return isText(bytes) && !bytes.isBlank()
        ? Optional.of(ofText(bytes.strip()))
        : Optional.empty();
  }

  /** Whether a file with these first bytes is JSON, such as an index of shards. */
  static boolean isJson(ByteBuffer head) {
    String bytes = StandardCharsets.ISO_8859_1.decode(head.duplicate()).toString();
    return isText(bytes) && bytes.strip().startsWith("{");
  }

  /**
   * What a zip file is, if it is known to be something else.
   *
   * @param names of its records
   * @param wanted what it was taken for
   * @return a sentence that begins with "it is", with what to do
   */
  public static Optional<String> ofZip(Collection<String> names, Wanted wanted) {
    if (has(names, "/data.pkl") || names.contains("data.pkl")) {
      return Optional.empty();
    }
    if (has(names, "archive_format")
        || has(names, "serialized_exported_program.json")
        || has(names, "models/model.json")) {
      return Optional.of(
          Remedy.EXPORT.after(
              "a program of torch.export (.pt2), which is neither weights nor TorchScript",
              wanted));
    }
    if (has(names, "model.weights.h5")) {
      return Optional.of(Remedy.CONVERT.after("a Keras file (.keras)", wanted));
    }
    if (has(names, "coremldata.bin") || has(names, ".mlmodel")) {
      return Optional.of(Remedy.CONVERT.after("a Core ML package", wanted));
    }
    if (!names.isEmpty() && names.stream().allMatch(name -> name.endsWith(".npy"))) {
      return Optional.of(Remedy.CONVERT.after("a file of NumPy arrays (.npz)", wanted));
    }
    List<String> inside =
        names.stream()
            .filter(name -> name.matches("(?s).*\\.(pth?|bin|ckpt|safetensors)"))
            .toList();
    return inside.isEmpty()
        ? Optional.empty()
        : Optional.of(
            Remedy.UNPACK.after("a zip archive with " + NameList.of(inside) + " in it", wanted));
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
