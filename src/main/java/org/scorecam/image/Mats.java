package org.scorecam.image;

import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.scorecam.error.InputException;
import org.scorecam.runtime.Device;
import org.scorecam.runtime.NativeScope;
import org.scorecam.tensor.NativeArray;

/**
 * Pictures and tensors to and from the {@code Mat} of JavaCPP's OpenCV, {@code
 * org.bytedeco:opencv}, which is only needed by those who use this class; on the module path they
 * require {@code org.bytedeco.opencv} themselves.
 *
 * <pre>{@code
 * try (Mat photo = opencv_imgcodecs.imread("boxer.jpg");              // BGR
 *     Tensor input = Preprocessing.imagenet().apply(Mats.toPicture(photo));
 *     Saliency map = cam.explain(input, Target.top1());
 *     Mat values = Mats.asMat(map.tensor())) {                        // CV_32FC1, no copy
 *   opencv_imgproc.resize(values, …);
 * }
 * }</pre>
 *
 * <p>A {@code Mat} is taken as an image if it has two dimensions, of {@code CV_8U} or {@code
 * CV_32F} with 1, 3 or 4 channels, which by OpenCV's convention are grey, BGR and BGRA. A {@code
 * Mat} does not say in which order its channels are. Rows may lie apart from each other, as those
 * of a submatrix do.
 */
// Not "requires transitive": whoever depends on scorecam would have to have OpenCV.
@SuppressWarnings("exports")
public final class Mats {
  /** Where OpenCV has red, green and blue. */
  private static final int RED = 2;

  private static final int GREEN = 1;
  private static final int BLUE = 0;
  private static final int ALPHA = 3;

  /** By OpenCV's numbers. */
  private static final List<String> DEPTHS =
      List.of("8U", "8S", "16U", "16S", "32S", "32F", "64F", "16F");

  private Mats() {}

  /**
   * A picture of a {@code Mat}'s pixels.
   *
   * @param mat {@code CV_8U}: grey, BGR, or BGRA, which is laid over white; copied, and stays the
   *     caller's
   * @return the picture, in red, green and blue
   * @throws InputException if it is no such image, if it has no pixels, or more than the limit
   */
  public static Picture toPicture(Mat mat) {
    requireImage(mat);
    if (mat.depth() != opencv_core.CV_8U) {
      throw new InputException(
          "%s does not say which values are black and white; make bytes of it with convertTo, or a tensor with toTensor"
              .formatted(wordsFor(mat)));
    }
    int width = mat.cols();
    int height = mat.rows();
    int channels = mat.channels();
    Picture.checkSize(width, height, "the Mat");
    byte[] rgb = new byte[3 * width * height];
    byte[] row = new byte[channels * width];
    BytePointer data = mat.data();
    for (int y = 0; y < height; y++) {
      data.position(y * mat.step()).get(row);
      copyToRgb(row, channels, rgb, 3 * width * y);
    }
    return new Picture(width, height, rgb);
  }

  private static void copyToRgb(byte[] row, int channels, byte[] rgb, int at) {
    int to = at;
    for (int from = 0; from < row.length; from += channels) {
      int alpha = channels > ALPHA ? row[from + ALPHA] & 0xff : 255;
      rgb[to++] = Pixels.overWhite(row[from + (channels == 1 ? 0 : RED)] & 0xff, alpha);
      rgb[to++] = Pixels.overWhite(row[from + (channels == 1 ? 0 : GREEN)] & 0xff, alpha);
      rgb[to++] = Pixels.overWhite(row[from + BLUE] & 0xff, alpha);
    }
  }

  /**
   * A {@code Mat} of a picture's pixels.
   *
   * @param picture the picture; copied
   * @return a new {@code CV_8UC3} in blue, green and red, owned by the caller
   */
  public static Mat toMat(Picture picture) {
    byte[] rgb = Objects.requireNonNull(picture, "picture").bytes();
    byte[] bgr = new byte[rgb.length];
    for (int i = 0; i < rgb.length; i += 3) {
      bgr[i] = rgb[i + 2];
      bgr[i + 1] = rgb[i + 1];
      bgr[i + 2] = rgb[i];
    }
    try (PointerScope scope = new PointerScope()) {
      // New ones have no gaps between their rows.
      Mat mat = new Mat(picture.height(), picture.width(), opencv_core.CV_8UC3);
      mat.data().put(bgr);
      return mat.retainReference();
    }
  }

  /**
   * The memory of a {@code Mat} as a tensor, without a copy: of the values and in the order of
   * channels that it has, so blue first where OpenCV made it.
   *
   * @param mat {@code CV_8U} or {@code CV_32F} of 1, 3 or 4 channels; stays the caller's, and must
   *     not be closed before the tensor
   * @return a tensor [1, C, H, W], uint8 or float32, on the CPU, with the strides of the {@code
   *     Mat}; owned by the caller, and closing it leaves the {@code Mat} alone
   * @throws InputException if it is no such image
   */
  public static Tensor asTensor(Mat mat) {
    requireImage(mat);
    long channels = mat.channels();
    // OpenCV keeps rows a whole number of elements apart.
    long rowStride = mat.step() / mat.elemSize1();
    return new NativeArray(
            mat.data().address(),
            List.of(1L, channels, (long) mat.rows(), (long) mat.cols()),
            List.of(rowStride * mat.rows(), 1L, rowStride, channels),
            mat.depth() == opencv_core.CV_8U ? ScalarType.Byte : ScalarType.Float,
            Device.cpu())
        .asTensor();
  }

  /**
   * The values of a {@code Mat} in the order that networks of this library's zoo and torchvision's
   * want: red, green, blue, one plane after the other. They are not scaled: what OpenCV has done to
   * them, such as a division by 255 and the subtraction of means, is what the network gets.
   *
   * @param mat {@code CV_8U} or {@code CV_32F}, grey or BGR; copied, and stays the caller's
   * @return a float32 tensor [1, C, H, W] on the CPU, contiguous, owned by the caller
   * @throws InputException if it is no such image, or has 4 channels
   */
  public static Tensor toTensor(Mat mat) {
    requireImage(mat);
    if (mat.channels() > ALPHA) {
      throw new InputException(
          "%s has a fourth channel, which networks do not take; remove it with cvtColor(mat, to, COLOR_BGRA2BGR)"
              .formatted(wordsFor(mat)));
    }
    try (NativeScope scope = NativeScope.open();
        Tensor view = asTensor(mat)) {
      // A copy in any case: of BGR by flip, of grey by clone.
      Tensor values = view.to(ScalarType.Float);
      Tensor rgb = mat.channels() == 1 ? values.clone() : values.flip(1);
      return scope.keep(rgb.contiguous());
    }
  }

  /**
   * The memory of a tensor as a {@code Mat}, without a copy: for a saliency map, whose tensor is
   * [H, W].
   *
   * @param tensor uint8 or float32 on the CPU: [H, W], or an image [C, H, W] or [1, C, H, W] of 1,
   *     3 or 4 channels whose values of a pixel lie beside each other (channels last), in whichever
   *     order they are; stays the caller's, and must not be closed before the {@code Mat}
   * @return a {@code Mat} of H rows, W columns and C channels, {@code CV_8U} or {@code CV_32F};
   *     owned by the caller, and closing it leaves the tensor alone
   * @throws InputException if a {@code Mat} cannot be there, with what to do about it
   */
  public static Mat asMat(Tensor tensor) {
    NativeArray array = NativeArray.of(Objects.requireNonNull(tensor, "tensor"));
    if (!array.device().equals(Device.cpu())) {
      throw refusal(array, "it is not on the CPU; copy it there with cpu()");
    }
    boolean bytes = array.dtype() == ScalarType.Byte;
    if (!bytes && array.dtype() != ScalarType.Float) {
      throw refusal(array, "it is neither uint8 nor float32; make it one with to(ScalarType)");
    }
    List<Long> shape = array.shape();
    int dimensions = shape.size();
    if (dimensions < 2 || dimensions > 4 || (dimensions == 4 && shape.get(0) != 1)) {
      throw refusal(array, "it is none of [H, W], [C, H, W] and [1, C, H, W]");
    }
    long height = shape.get(dimensions - 2);
    long width = shape.get(dimensions - 1);
    long channels = dimensions == 2 ? 1 : shape.get(dimensions - 3);
    if (channels != 1 && channels != 3 && channels != 4) {
      throw refusal(array, "it does not have 1, 3 or 4 channels");
    }
    if (height < 1 || width < 1 || height > Integer.MAX_VALUE || width > Integer.MAX_VALUE) {
      throw refusal(array, "it has no pixels, or more than OpenCV can count");
    }
    List<Long> strides = array.strides();
    long rowStride = height == 1 ? width * channels : strides.get(dimensions - 2);
    boolean pixelsInARow = width == 1 || strides.get(dimensions - 1) == channels;
    boolean channelsInAPixel = channels == 1 || strides.get(dimensions - 3) == 1;
    if (!pixelsInARow || !channelsInAPixel || rowStride < width * channels) {
      throw refusal(
          array,
          "its values are not laid out pixel by pixel; copy it with"
              + " contiguous(MemoryFormat.ChannelsLast)");
    }
    int type =
        opencv_core.CV_MAKETYPE(bytes ? opencv_core.CV_8U : opencv_core.CV_32F, (int) channels);
    try (PointerScope scope = new PointerScope()) {
      long step = rowStride * (bytes ? Byte.BYTES : Float.BYTES);
      return new Mat((int) height, (int) width, type, tensor.data_ptr(), step).retainReference();
    }
  }

  private static InputException refusal(NativeArray array, String reason) {
    return new InputException(
        "no Mat can be made of the tensor of shape %s, strides %s and type %s on %s: %s"
            .formatted(array.shape(), array.strides(), array.dtype(), array.device(), reason));
  }

  private static void requireImage(Mat mat) {
    Objects.requireNonNull(mat, "mat");
    if (mat.isNull()) {
      throw new InputException("the Mat is closed");
    }
    if (mat.empty()) {
      throw new InputException("the Mat is empty; imread gives one of a file that it cannot read");
    }
    if (mat.dims() != 2) {
      throw new InputException(
          "the Mat has %d dimensions, and an image has 2".formatted(mat.dims()));
    }
    int channels = mat.channels();
    boolean values = mat.depth() == opencv_core.CV_8U || mat.depth() == opencv_core.CV_32F;
    if (!values || (channels != 1 && channels != 3 && channels != 4)) {
      throw new InputException(
          "%s is no image of CV_8U or CV_32F with 1, 3 or 4 channels; convertTo changes the type"
              .formatted(wordsFor(mat)));
    }
  }

  private static String wordsFor(Mat mat) {
    return "the Mat of %d x %d, CV_%sC%d"
        .formatted(mat.cols(), mat.rows(), DEPTHS.get(mat.depth()), mat.channels());
  }
}
