package org.scorecam.image;

import com.twelvemonkeys.imageio.stream.ByteArrayImageInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Set;
import javax.imageio.stream.ImageInputStream;
import org.scorecam.error.InputException;

/**
 * The first page of a TIFF or BigTIFF file.
 *
 * <p>A TIFF file holds directories of tagged values, one for each page and linked; the values say
 * where strips or tiles of pixels lie (Adobe, "TIFF revision 6.0", section 2; BigTIFF differs in
 * having 64-bit offsets and counts). Decoders get a file whose first directory is its only one, and
 * holds nothing but the tags that say how pixels are stored: other tags can be as broken as they
 * like.
 *
 * @param input the file, reduced in place
 * @param orientation how the pixels are to be turned
 * @param profile of the first page
 */
record TiffFile(ImageInputStream input, Orientation orientation, ColourProfile profile)
    implements PictureFile {
  private static final int WIDTH = 256;
  private static final int HEIGHT = 257;
  private static final int COMPRESSION = 259;
  private static final int STRIP_OFFSETS = 273;
  private static final int ORIENTATION = 274;
  private static final int SAMPLES_PER_PIXEL = 277;
  private static final int STRIP_BYTE_COUNTS = 279;
  private static final int TILE_WIDTH = 322;
  private static final int TILE_HEIGHT = 323;
  private static final int TILE_OFFSETS = 324;
  private static final int TILE_BYTE_COUNTS = 325;
  private static final int SAMPLE_FORMAT = 339;
  private static final int ICC_PROFILE = 34675;

  /** Numbers below 0, whose range is unknown. */
  private static final int SIGNED = 2;

  /**
   * Beside those above: bits, photometric interpretation, fill order, rows per strip, planes, fax
   * options, predictor, palette, inks, extra samples, JPEG's tables, YCbCr.
   */
  private static final Set<Integer> STORAGE_TAGS =
      Set.of(
          WIDTH,
          HEIGHT,
          COMPRESSION,
          STRIP_OFFSETS,
          SAMPLES_PER_PIXEL,
          STRIP_BYTE_COUNTS,
          TILE_WIDTH,
          TILE_HEIGHT,
          TILE_OFFSETS,
          TILE_BYTE_COUNTS,
          SAMPLE_FORMAT,
          258,
          262,
          266,
          278,
          284,
          292,
          293,
          317,
          320,
          332,
          334,
          338,
          347,
          512,
          513,
          514,
          519,
          520,
          521,
          529,
          530,
          531,
          532);

  /** A tag of nobody's, in place of those that decoders need not see. */
  private static final short NO_TAG = (short) 65000;

  private static final int TYPE_BYTE = 1;
  private static final int TYPE_SHORT = 3;
  private static final int TYPE_UNDEFINED = 7;

  /** Bytes of a value by its type, 0 for types that do not exist. */
  private static final int[] TYPE_LENGTHS = {
    0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8
  };

  private static final int OLD_JPEG = 6;
  private static final int JPEG = 7;

  /** Four inks, or three colours, and room for alpha and some more that nobody asks for. */
  private static final int MAX_SAMPLES_PER_PIXEL = 16;

  static TiffFile open(byte[] data, String what) throws IOException {
    return new Directory(data).reduce(what);
  }

  /** The first directory, as far as it is of interest. */
  private static final class Directory {
    private final byte[] data;
    private final ByteBuffer buffer;
    private final boolean big;

    /** Bytes of an offset or a count. */
    private final int word;

    private final int entries;
    private final int firstEntry;
    private final int entryLength;

    private Orientation orientation = Orientation.UPRIGHT;
    private ColourProfile profile = ColourProfile.NONE;
    private long width = -1;
    private long height = -1;
    private long compression = 1;
    private long samples = 1;
    private long sampleFormat = 1;
    private long tileWidth = -1;
    private long tileHeight = -1;
    private long[] offsets = {};
    private long[] counts = {};

    Directory(byte[] data) throws IOException {
      this.data = data;
      boolean little = data[0] == 'I';
      buffer = ByteBuffer.wrap(data).order(little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
      big = FirstBytes.match(data, little ? 2 : 3, "+");
      word = big ? Long.BYTES : Integer.BYTES;
      entryLength = Short.BYTES * 2 + 2 * word;
      int header = big ? 16 : 8;
      require(header <= data.length);
      long directory = word(header - word);
      int countLength = big ? Long.BYTES : Short.BYTES;
      require(directory >= header && directory <= data.length - countLength);
      int at = (int) directory;
      long count = big ? buffer.getLong(at) : buffer.getShort(at) & 0xffff;
      firstEntry = at + countLength;
      require(count >= 0 && count <= (data.length - firstEntry) / entryLength);
      entries = (int) count;
    }

    private void require(boolean complete) throws EOFException {
      if (!complete) {
        throw new EOFException();
      }
    }

    /** An offset or a count. */
    private long word(int at) {
      return big ? buffer.getLong(at) : Integer.toUnsignedLong(buffer.getInt(at));
    }

    TiffFile reduce(String what) throws IOException {
      for (int i = 0; i < entries; i++) {
        int entry = firstEntry + i * entryLength;
        int tag = buffer.getShort(entry) & 0xffff;
        read(tag, entry);
        if (!STORAGE_TAGS.contains(tag)) {
          buffer.putShort(entry, NO_TAG);
          buffer.putShort(entry + 2, (short) TYPE_BYTE);
          putWord(entry + 4, 1);
        }
      }
      int next = firstEntry + entries * entryLength;
      if (next <= data.length - word) {
        putWord(next, 0);
      }
      check(what);
      return new TiffFile(new ByteArrayImageInputStream(data), orientation, profile);
    }

    private void putWord(int at, int value) {
      if (big) {
        buffer.putLong(at, value);
      } else {
        buffer.putInt(at, value);
      }
    }

    private void read(int tag, int entry) throws IOException {
      switch (tag) {
        case WIDTH -> width = number(entry);
        case HEIGHT -> height = number(entry);
        case COMPRESSION -> compression = number(entry);
        case SAMPLES_PER_PIXEL -> samples = number(entry);
        case SAMPLE_FORMAT -> sampleFormat = number(entry);
        case TILE_WIDTH -> tileWidth = number(entry);
        case TILE_HEIGHT -> tileHeight = number(entry);
        case STRIP_OFFSETS, TILE_OFFSETS -> offsets = numbers(entry);
        case STRIP_BYTE_COUNTS, TILE_BYTE_COUNTS -> counts = numbers(entry);
        case ORIENTATION -> orientation = Orientation.of(number(entry));
        case ICC_PROFILE -> {
          // A broken profile is ignored; it is no reason to refuse the picture.
          long length = word(entry + 4);
          long at = length <= word ? entry + 4 + word : word(entry + 4 + word);
          if (at >= 0 && length >= 0 && at <= data.length && length <= data.length - at) {
            profile = ColourProfile.of(Arrays.copyOfRange(data, (int) at, (int) (at + length)));
          }
        }
        default -> {
          if (STORAGE_TAGS.contains(tag)) {
            locate(entry);
          }
        }
      }
    }

    /** Where an entry's values lie, all of them in the file. */
    private int locate(int entry) throws IOException {
      int type = buffer.getShort(entry + 2);
      int length = type > 0 && type < TYPE_LENGTHS.length ? TYPE_LENGTHS[type] : 0;
      long count = word(entry + 4);
      if (length == 0 || count < 1) {
        throw new IOException("its tag %d is damaged".formatted(buffer.getShort(entry) & 0xffff));
      }
      require(count <= data.length / length);
      long bytes = count * length;
      long at = bytes <= word ? entry + 4 + word : word(entry + 4 + word);
      require(at >= 0 && at <= data.length - bytes);
      return (int) at;
    }

    private long number(int entry) throws IOException {
      return numbers(entry)[0];
    }

    private long[] numbers(int entry) throws IOException {
      int at = locate(entry);
      int type = buffer.getShort(entry + 2);
      int length = TYPE_LENGTHS[type];
      long[] numbers = new long[(int) word(entry + 4)];
      for (int i = 0; i < numbers.length; i++) {
        int position = at + i * length;
        numbers[i] =
            switch (type) {
              case TYPE_BYTE, TYPE_UNDEFINED -> data[position] & 0xff;
              case TYPE_SHORT -> buffer.getShort(position) & 0xffff;
              default ->
                  length == Long.BYTES
                      ? buffer.getLong(position)
                      : Integer.toUnsignedLong(buffer.getInt(position));
            };
      }
      return numbers;
    }

    private void check(String what) throws IOException {
      if (width < 0 || height < 0) {
        throw new IOException("its first page has no size");
      }
      Picture.checkSize(width, height, what);
      if (samples > MAX_SAMPLES_PER_PIXEL) {
        throw new InputException(
            "%s has %d samples per pixel, where at most %d are read; save those that are colours alone"
                .formatted(what, samples, MAX_SAMPLES_PER_PIXEL));
      }
      if (sampleFormat == SIGNED) {
        throw new InputException(
            what + " has signed samples; save it with unsigned ones of 8 or 16 bits");
      }
      if (tileWidth >= 0) {
        Picture.checkSize(tileWidth, tileHeight, what + " has tiles, each of which");
      }
      for (int i = 0; i < offsets.length; i++) {
        require(offsets[i] >= 0 && offsets[i] < data.length);
        long count = i < counts.length ? counts[i] : 0;
        require(count >= 0 && count <= data.length - offsets[i]);
        if (compression == JPEG || compression == OLD_JPEG) {
          checkJpeg((int) offsets[i], (int) (offsets[i] + count), what);
        }
      }
    }

    /** Which has a size of its own, and may have been given any. */
    private void checkJpeg(int begin, int end, String what) {
      JpegFile.Frame frame = JpegFile.open(data, begin, end).frame();
      if (frame != null) {
        Picture.checkSize(frame.width(), frame.height(), what + " contains a JPEG that");
      }
    }
  }
}
