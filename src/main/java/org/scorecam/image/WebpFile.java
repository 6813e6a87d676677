package org.scorecam.image;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.awt.image.Raster;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.imageio.IIOException;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.ImageInputStreamImpl;

/**
 * The first frame of a WebP file.
 *
 * <p>A WebP file is a RIFF container: a sequence of chunks, each four letters, a length and data
 * (Google, "WebP Container Specification"). The pixels are in a chunk {@code VP8L}, or in one
 * {@code VP8} with their opacities in one {@code ALPH}, if any; in animations these lie in chunks
 * {@code ANMF}. Decoders get a still picture of the first of them and nothing else.
 *
 * @param input the first frame, as a file of its own
 * @param canvas where the frame lies
 * @param orientation how the pixels are to be turned
 * @param profile of the file
 * @param opacity of each pixel, row by row, where they are stored as they are, which the decoder
 *     does not read; null otherwise
 */
record WebpFile(
    ImageInputStream input,
    Canvas canvas,
    Orientation orientation,
    ColourProfile profile,
    Raster opacity)
    implements PictureFile {
  private static final int RIFF_HEADER = 12;
  private static final int CHUNK_HEADER = 8;
  private static final int FRAME_HEADER = 16;
  private static final int EXTENDED_LENGTH = 10;
  private static final byte ALPHA_FLAG = 0x10;

  /** Bytes behind the pixels that the decoder may look at without needing them. */
  private static final int READ_AHEAD = 16;

  /** A chunk's data lie from begin to end. */
  private record Chunk(String name, int begin, int end) {
    int length() {
      return end - begin;
    }
  }

  static WebpFile open(byte[] data, String what) throws IOException {
    return new Parser(data).open(what);
  }

  @Override
  public BufferedImage read(ImageReader reader) throws IOException {
    BufferedImage frame = reader.read(0);
    return canvas.place(opacity == null ? frame : withOpacity(frame));
  }

  private BufferedImage withOpacity(BufferedImage frame) {
    BufferedImage image =
        new BufferedImage(frame.getWidth(), frame.getHeight(), BufferedImage.TYPE_4BYTE_ABGR);
    image.createGraphics().drawImage(frame, 0, 0, null);
    image.getAlphaRaster().setRect(opacity);
    return image;
  }

  /** The decoder takes zeros for what is not there; here it is told that something is not there. */
  private static final class WholeInput extends ImageInputStreamImpl {
    private final byte[] data;

    WholeInput(byte[] data) {
      this.data = data;
    }

    private int left() throws IOException {
      if (streamPos >= data.length) {
        throw new IIOException("its pixels end too early");
      }
      bitOffset = 0;
      return (int) (data.length - streamPos);
    }

    @Override
    public int read() throws IOException {
      left();
      return data[(int) streamPos++] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int from, int length) throws IOException {
      int count = Math.min(length, left());
      System.arraycopy(data, (int) streamPos, bytes, from, count);
      streamPos += count;
      return count;
    }

    @Override
    public long length() {
      return data.length;
    }
  }

  /** Walks the chunks. */
  private static final class Parser {
    private final byte[] data;
    private final ByteBuffer buffer;

    private Orientation orientation = Orientation.UPRIGHT;
    private ColourProfile profile = ColourProfile.NONE;
    private Chunk extended;

    /** The first frame's place and size in an animation. */
    private Chunk animationFrame;

    private Chunk alpha;
    private Chunk pixels;

    Parser(byte[] data) throws IOException {
      this.data = data;
      buffer = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
      require(RIFF_HEADER <= data.length);
      // A last byte that only fills up to an even length is often missing.
      require(CHUNK_HEADER + length(0) <= data.length + 1L);
    }

    private static void require(boolean complete) throws EOFException {
      if (!complete) {
        throw new EOFException();
      }
    }

    private long length(int chunk) {
      return Integer.toUnsignedLong(buffer.getInt(chunk + 4));
    }

    WebpFile open(String what) throws IOException {
      walk(RIFF_HEADER, (int) Math.min(data.length, CHUNK_HEADER + length(0)));
      if (pixels == null) {
        throw new IOException("it contains no picture");
      }
      boolean lossless = pixels.name().equals("VP8L");
      int width = lossless ? losslessSize(0) : lossySize(6);
      int height = lossless ? losslessSize(14) : lossySize(8);
      Canvas canvas = canvas(width, height, what);
      boolean rawAlpha = !lossless && alpha != null && (data[alpha.begin()] & 0x03) == 0;
      return new WebpFile(
          new WholeInput(still(width, height, lossless || rawAlpha ? null : alpha)),
          canvas,
          orientation,
          profile,
          rawAlpha ? rawAlpha(width, height) : null);
    }

    private void walk(int begin, int end) throws IOException {
      int at = begin;
      while (at + CHUNK_HEADER <= end) {
        long length = length(at);
        int content = at + CHUNK_HEADER;
        require(length <= end - content);
        Chunk chunk =
            new Chunk(
                new String(data, at, 4, StandardCharsets.ISO_8859_1),
                content,
                (int) (content + length));
        take(chunk);
        at = chunk.end() + chunk.length() % 2;
      }
    }

    private void take(Chunk chunk) throws IOException {
      boolean first = pixels == null;
      switch (chunk.name()) {
        case "VP8X" -> extended = chunk;
        case "ICCP" -> profile = ColourProfile.of(content(chunk, 0));
        case "EXIF" ->
            orientation =
                Orientation.ofTiff(
                    content(chunk, FirstBytes.match(data, chunk.begin(), "Exif\0\0") ? 6 : 0));
        case "ALPH" -> {
          if (first && chunk.length() > 0) {
            alpha = chunk;
          }
        }
        case "VP8 ", "VP8L" -> {
          if (first) {
            require(chunk.length() >= EXTENDED_LENGTH);
            pixels = chunk;
          }
        }
        case "ANMF" -> {
          if (first) {
            require(chunk.length() >= FRAME_HEADER);
            animationFrame = chunk;
            walk(chunk.begin() + FRAME_HEADER, chunk.end());
          }
        }
        default -> {
          // Metadata, or what later versions add.
        }
      }
    }

    private byte[] content(Chunk chunk, int from) {
      return Arrays.copyOfRange(data, chunk.begin() + from, chunk.end());
    }

    /** RFC 6386, section 9.1: 14 bits, behind a tag and a start code. */
    private int lossySize(int at) {
      return buffer.getShort(pixels.begin() + at) & 0x3fff;
    }

    /** Google, "WebP Lossless Bitstream Specification": 14 bits each, of one less. */
    private int losslessSize(int bit) {
      return (buffer.getInt(pixels.begin() + 1) >>> bit & 0x3fff) + 1;
    }

    private int uint24(int at) {
      return (buffer.getShort(at) & 0xffff) | (data[at + 2] & 0xff) << 16;
    }

    private Canvas canvas(int width, int height, String what) throws IOException {
      if (extended == null) {
        return Canvas.of(width, height, 0, 0, width, height, what);
      }
      require(extended.length() >= EXTENDED_LENGTH);
      int wide = uint24(extended.begin() + 4) + 1;
      int high = uint24(extended.begin() + 7) + 1;
      if (animationFrame == null) {
        requireSize(width, height, wide, high);
        return Canvas.of(wide, high, 0, 0, width, height, what);
      }
      int at = animationFrame.begin();
      requireSize(width, height, uint24(at + 6) + 1, uint24(at + 9) + 1);
      return Canvas.of(wide, high, 2 * uint24(at), 2 * uint24(at + 3), width, height, what);
    }

    private static void requireSize(int width, int height, int wide, int high) throws IOException {
      if (width != wide || height != high) {
        throw new IOException(
            "its pixels are %d x %d, but its header says %d x %d"
                .formatted(width, height, wide, high));
      }
    }

    /** A file of the pixels, with their opacities if these are a chunk of their own. */
    private byte[] still(int width, int height, Chunk opacities) {
      int length = RIFF_HEADER + padded(pixels);
      if (opacities != null) {
        length += CHUNK_HEADER + EXTENDED_LENGTH + padded(opacities);
      }
      ByteBuffer file = ByteBuffer.allocate(length + READ_AHEAD).order(ByteOrder.LITTLE_ENDIAN);
      put(file, "RIFF", length - CHUNK_HEADER);
      putName(file, "WEBP");
      if (opacities != null) {
        put(file, "VP8X", EXTENDED_LENGTH);
        file.putInt(ALPHA_FLAG);
        file.putShort((short) (width - 1)).put((byte) ((width - 1) >> 16));
        file.putShort((short) (height - 1)).put((byte) ((height - 1) >> 16));
        put(file, opacities);
      }
      put(file, pixels);
      return file.array();
    }

    private static int padded(Chunk chunk) {
      return CHUNK_HEADER + chunk.length() + chunk.length() % 2;
    }

    private void put(ByteBuffer file, Chunk chunk) {
      put(file, chunk.name(), chunk.length());
      file.put(data, chunk.begin(), chunk.length());
      file.position(file.position() + chunk.length() % 2);
    }

    private static void put(ByteBuffer file, String name, int length) {
      putName(file, name);
      file.putInt(length);
    }

    private static void putName(ByteBuffer file, String name) {
      file.put(name.getBytes(StandardCharsets.US_ASCII));
    }

    /**
     * Opacities that are not compressed, each stored as the difference from what its neighbours let
     * expect, by one of four rules.
     */
    private Raster rawAlpha(int width, int height) throws IOException {
      int rule = data[alpha.begin()] >> 2 & 0x03;
      require(alpha.length() - 1L >= (long) width * height);
      byte[] opacity =
          Arrays.copyOfRange(data, alpha.begin() + 1, alpha.begin() + 1 + width * height);
      for (int i = 0; rule != 0 && i < opacity.length; i++) {
        int left = i % width > 0 ? opacity[i - 1] & 0xff : -1;
        int above = i >= width ? opacity[i - width] & 0xff : -1;
        opacity[i] += (byte) expected(rule, left, above, i, width, opacity);
      }
      return Raster.createInterleavedRaster(
          new DataBufferByte(opacity, opacity.length), width, height, width, 1, new int[1], null);
    }

    private static int expected(int rule, int left, int above, int i, int width, byte[] opacity) {
      if (left < 0 || above < 0) {
        // Along an edge there is one neighbour for all rules; at the corner there is none.
        return Math.max(0, Math.max(left, above));
      }
      return switch (rule) {
        case 1 -> left;
        case 2 -> above;
        default -> {
          int corner = opacity[i - width - 1] & 0xff;
          yield Math.max(0, Math.min(255, left + above - corner));
        }
      };
    }
  }
}
