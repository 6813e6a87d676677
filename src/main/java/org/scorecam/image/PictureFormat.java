package org.scorecam.image;

import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import com.twelvemonkeys.imageio.plugins.tiff.BigTIFFImageReaderSpi;
import com.twelvemonkeys.imageio.plugins.tiff.TIFFImageReaderSpi;
import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.io.IOException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;

/**
 * The formats that are read, told apart by their first bytes.
 *
 * <p>Each names its own decoder. ImageIO's search for one depends on the class path, on the
 * thread's class loader and on what else the process has registered, and none of that may decide
 * how a picture is read.
 */
enum PictureFormat {
  PNG("PNG", "\u0089PNG\r\n\u001a\n") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return PngFile.open(data, what);
    }

    @Override
    ImageReader reader() throws IOException {
      return readerOfJdk("png");
    }
  },

  JPEG("JPEG", "\u00ff\u00d8\u00ff") {
    @Override
    PictureFile open(byte[] data, String what) {
      return JpegFile.open(data);
    }

    @Override
    ImageReader reader() throws IOException {
      return JpegReaders.SPI.createReaderInstance(null);
    }
  },

  GIF("GIF", "GIF87a", "GIF89a") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return GifFile.open(data, what);
    }

    @Override
    ImageReader reader() throws IOException {
      return readerOfJdk("gif");
    }
  },

  BMP("BMP", "BM") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return BmpFile.open(data);
    }

    @Override
    ImageReader reader() throws IOException {
      return readerOfJdk("bmp");
    }
  },

  TIFF("TIFF", "II*\0", "MM\0*") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return TiffFile.open(data, what);
    }

    @Override
    ImageReader reader() throws IOException {
      return new TIFFImageReaderSpi().createReaderInstance(null);
    }
  },

  BIG_TIFF("BigTIFF", "II+\0", "MM\0+") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return TiffFile.open(data, what);
    }

    @Override
    ImageReader reader() throws IOException {
      return new BigTIFFImageReaderSpi().createReaderInstance(null);
    }
  },

  WEBP("WebP", "RIFF????WEBP") {
    @Override
    PictureFile open(byte[] data, String what) throws IOException {
      return WebpFile.open(data, what);
    }

    @Override
    ImageReader reader() throws IOException {
      return new WebPImageReaderSpi().createReaderInstance(null);
    }
  };

  /** What messages call the formats that are read. */
  static final String ALL = "PNG, JPEG, GIF, BMP, TIFF and WebP";

  private final String title;
  private final String beginning;
  private final String otherBeginning;

  PictureFormat(String title, String beginning) {
    this(title, beginning, beginning);
  }

  PictureFormat(String title, String beginning, String otherBeginning) {
    this.title = title;
    this.beginning = beginning;
    this.otherBeginning = otherBeginning;
  }

  /** The format that a file of these first bytes has, if it is one of these. */
  static Optional<PictureFormat> of(byte[] start) {
    return Arrays.stream(values()).filter(format -> format.begins(start)).findFirst();
  }

  private boolean begins(byte[] start) {
    return FirstBytes.match(start, 0, beginning) || FirstBytes.match(start, 0, otherBeginning);
  }

  /**
   * Takes a file apart.
   *
   * @param data the file, which may be changed
   * @param what begins the messages
   * @throws IOException if it is damaged
   * @throws org.scorecam.error.InputException if it is too large
   */
  abstract PictureFile open(byte[] data, String what) throws IOException;

  /** A new decoder. */
  abstract ImageReader reader() throws IOException;

  @Override
  public String toString() {
    return title;
  }

  /** The JDK's own decoder, whatever others the process has registered before it. */
  private static ImageReader readerOfJdk(String format) throws IOException {
    Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName(format);
    while (readers.hasNext()) {
      ImageReader reader = readers.next();
      if (reader.getClass().getModule() == ImageIO.class.getModule()) {
        return reader;
      }
      reader.dispose();
    }
    throw new IOException("this JVM has no decoder for it");
  }

  /** TwelveMonkeys' JPEG decoder, which works only once it is registered. */
  private static final class JpegReaders {
    static final ImageReaderSpi SPI = find();

    private static ImageReaderSpi find() {
      IIORegistry registry = IIORegistry.getDefaultInstance();
      ImageReaderSpi spi = registry.getServiceProviderByClass(JPEGImageReaderSpi.class);
      if (spi == null) {
        spi = new JPEGImageReaderSpi();
        registry.registerServiceProvider(spi, ImageReaderSpi.class);
      }
      return spi;
    }
  }
}
