package org.scorecam.image;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What a file is, by its first bytes, where it is not one of the formats that are read. */
final class FirstBytes {
  /** How many bytes are looked at. */
  static final int COUNT = 1024;

  private static final String UNKNOWN = "of an unknown kind";

  /** Bytes at an offset, "?" for any, and what a file is that has them there. */
  private record Sign(int offset, String bytes, String kind) {}

  private static final String CONVERT = "; convert it first";

  private static final Sign[] SIGNS = {
    new Sign(0, "%PDF", "a PDF document"),
    new Sign(0, "%!PS", "a PostScript document"),
    new Sign(0, "RIFF????AVI ", "an AVI video; extract a frame first"),
    new Sign(0, "RIFF????WAVE", "a WAV sound file"),
    new Sign(0, "\u001aE\u00df\u00a3", "a Matroska or WebM video; extract a frame first"),
    new Sign(0, "\0\0\u0001\u00ba", "an MPEG video; extract a frame first"),
    new Sign(0, "\0\0\u0001\u00b3", "an MPEG video; extract a frame first"),
    new Sign(0, "FLV", "a Flash video; extract a frame first"),
    new Sign(0, "OggS", "an Ogg file, sound or video"),
    new Sign(0, "\0\0\0\fjP  ", "a JPEG 2000 picture" + CONVERT),
    new Sign(0, "\u00ffO\u00ffQ", "a JPEG 2000 picture" + CONVERT),
    new Sign(0, "\0\0\0\fJXL ", "a JPEG XL picture" + CONVERT),
    new Sign(0, "\u00ff\n", "a JPEG XL picture" + CONVERT),
    new Sign(0, "II\u00bc", "a JPEG XR picture" + CONVERT),
    new Sign(0, "8BPS", "a Photoshop document" + CONVERT),
    new Sign(0, "\0\0\u0001\0", "a Windows icon" + CONVERT),
    new Sign(0, "icns", "an Apple icon" + CONVERT),
    new Sign(0, "DDS ", "a DirectDraw surface" + CONVERT),
    new Sign(0, "v/1\u0001", "an OpenEXR picture" + CONVERT),
    new Sign(0, "#?RADIANCE", "a Radiance HDR picture" + CONVERT),
    new Sign(0, "SIMPLE  =", "a FITS picture" + CONVERT),
    new Sign(128, "DICM", "a DICOM picture" + CONVERT),
    new Sign(0, "\u0093NUMPY", "a NumPy array; give it as a tensor"),
    new Sign(0, "PK\u0003\u0004", "a ZIP archive; unpack it first"),
    new Sign(0, "\u001f\u008b", "a gzip archive; unpack it first"),
    new Sign(0, "7z\u00bc\u00af", "a 7z archive; unpack it first"),
    new Sign(257, "ustar", "a tar archive; unpack it first"),
    new Sign(0, "\u0089HDF", "an HDF5 file"),
    new Sign(
        0, "version https://git-lfs", "a Git LFS pointer; fetch the file itself with git lfs pull"),
  };

  private FirstBytes() {}

  /**
   * Says what a file is.
   *
   * @param start its first bytes, at most {@link #COUNT}
   * @return what stands behind "is": "a PDF document", say; and what to do about it after a
   *     semicolon, where there is anything
   */
  static String describe(byte[] start) {
    for (Sign sign : SIGNS) {
      if (match(start, sign.offset(), sign.bytes())) {
        return sign.kind();
      }
    }
    if (match(start, 4, "ftyp")) {
      return ofIsoBrands(start);
    }
    return ofText(start);
  }

  /** Whether the bytes from an offset on are those, one for each character, "?" for any. */
  static boolean match(byte[] bytes, int offset, String expected) {
    if (bytes.length < offset + expected.length()) {
      return false;
    }
    for (int i = 0; i < expected.length(); i++) {
      if (expected.charAt(i) != '?' && (bytes[offset + i] & 0xff) != expected.charAt(i)) {
        return false;
      }
    }
    return true;
  }

  /**
   * ISO/IEC 14496-12: a box of the length in its first four bytes lists what the file is good for.
   */
  private static String ofIsoBrands(byte[] start) {
    String box = new String(start, StandardCharsets.ISO_8859_1);
    int length = (start[2] & 0xff) << 8 | (start[3] & 0xff);
    String brands = box.substring(8, Math.max(8, Math.min(box.length(), length)));
    if (brands.contains("avif") || brands.contains("avis")) {
      return "an AVIF picture" + CONVERT;
    }
    for (String brand : new String[] {"heic", "heix", "hevc", "heim", "heis", "mif1", "msf1"}) {
      if (brands.contains(brand)) {
        return "a HEIC picture" + CONVERT;
      }
    }
    if (brands.startsWith("crx ")) {
      return "a Canon raw picture" + CONVERT;
    }
    return (brands.startsWith("qt  ") ? "a QuickTime" : "an MP4") + " video; extract a frame first";
  }

  private static String ofText(byte[] start) {
    String text = new String(start, StandardCharsets.UTF_8).replace("\ufeff", "").strip();
    int malformed = text.indexOf('\ufffd');
    boolean cut = start.length == COUNT && malformed == text.length() - 1;
    if ((malformed >= 0 && !cut) || hasControls(text)) {
      return UNKNOWN;
    }
    String lower = text.toLowerCase(Locale.ROOT);
    if (lower.contains("<svg")) {
      return "an SVG drawing; render it to PNG first";
    }
    if (lower.startsWith("<!doctype html") || lower.contains("<html") || lower.contains("<body")) {
      return "an HTML page, perhaps in place of a download that failed";
    }
    if (lower.matches("(?s)p[1-6]\\s.*")) {
      return "a PNM picture" + CONVERT;
    }
    return text.isEmpty() ? UNKNOWN : "a text file";
  }

  private static boolean hasControls(String text) {
    return text.chars().anyMatch(c -> Character.isISOControl(c) && !Character.isWhitespace(c));
  }
}
