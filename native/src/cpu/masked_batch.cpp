// The chunk of masked images.
//
// Work is cut into tiles: a band of image rows of a group of chunk rows. A thread takes consecutive tiles, which are
// ordered so that the band of the image stays in its cache while the rows of the chunk pass over it; the group shares
// each image row while it is in the nearest cache. A band that is not float32 in the layout of the output is put into
// that form once, when the thread first comes to it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/map_rows.h"
#include "cpu/operations.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"

namespace scorecam {
namespace {

using Masked = decltype(RowKernels::masked_float32);

Masked masked_to(int32_t dtype, const RowKernels &kernels) {
  return dtype == SCORECAM_DTYPE_FLOAT32    ? kernels.masked_float32
         : dtype == SCORECAM_DTYPE_BFLOAT16 ? kernels.masked_bfloat16
                                            : kernels.masked_float16;
}

// A band of the image as float32, pixels of a row next to each other.
struct Band {
  const float *data;
  int64_t plane_stride;  // between channels; not used if channels-last
  int64_t row_stride;
};

bool usable_in_place(const scorecam_tensor &image, bool channels_last) {
  const int64_t channels = image.sizes[0];
  return image.dtype == SCORECAM_DTYPE_FLOAT32 && image.strides[2] == (channels_last ? channels : 1) &&
         (!channels_last || channels == 1 || image.strides[0] == 1);
}

// Three planes into one row of pixels: the usual image, read and written in order.
void interleave(const float *image, int64_t plane_stride, int64_t width, float *to) {
  for (int64_t x = 0; x < width; ++x)
    for (int64_t c = 0; c < 3; ++c) to[3 * x + c] = image[c * plane_stride + x];
}

Band pack(const scorecam_tensor &image, bool channels_last, int64_t begin, int64_t end, float *to) {
  const int64_t channels = image.sizes[0], width = image.sizes[2], rows = end - begin;
  const Elements pixels = elements(image);
  const int64_t plane = channels_last ? 1 : rows * width;
  const int64_t row = channels_last ? width * channels : width;
  const int64_t pixel = channels_last ? channels : 1;
  if (channels_last && channels == 3 && image.dtype == SCORECAM_DTYPE_FLOAT32 && image.strides[2] == 1) {
    for (int64_t y = 0; y < rows; ++y)
      interleave(static_cast<const float *>(image.data) + (begin + y) * image.strides[1], image.strides[0], width,
                 to + y * row);
    return {to, plane, row};
  }
  for (int64_t y = 0; y < rows; ++y)
    for (int64_t c = 0; c < channels; ++c)
      pixels.read(c * image.strides[0] + (begin + y) * image.strides[1], image.strides[2], width,
                  to + c * plane + y * row, pixel);
  return {to, plane, row};
}

Band in_place(const scorecam_tensor &image, int64_t begin) {
  return {static_cast<const float *>(image.data) + begin * image.strides[1], image.strides[0], image.strides[1]};
}

// Chunk rows that are masked together.
constexpr int kGroup = 4;

// How many image rows a band has: few enough that it stays close to the core (160 and 320 KiB were measured
// best between 20 and 320), many enough that upsampling along rows is shared, and so that all threads get some.
int64_t band_rows(const MaskedBatchRequest &request) {
  constexpr int64_t kBandFloats = 40 * 1024;
  const int64_t fitting = std::max<int64_t>(1, kBandFloats / (request.width * request.channels));
  const int64_t tiles_wanted = 4 * static_cast<int64_t>(most_threads());
  const int64_t groups = (request.rows + kGroup - 1) / kGroup;
  const int64_t bands_wanted = (tiles_wanted + groups - 1) / groups;
  const int64_t sharing = std::max<int64_t>(1, request.height / bands_wanted);
  return std::min({fitting, sharing, request.height});
}

// One chunk row, a row of pixels at a time.
class MaskedRows {
 public:
  static int64_t scratch_floats(const Axis &x) { return MapRows::scratch_floats(x) + x.padded_out; }

  MaskedRows(const RowKernels &kernels, const Axis &y, const Axis &x, float *scratch)
      : kernels_(kernels), y_(y), x_(x), map_(kernels, y, x, scratch), mask_(scratch + MapRows::scratch_floats(x)) {}

  void open(const scorecam_source &source, int64_t channel, const scorecam_masking &masking) {
    const scorecam_range &range = source.ranges[channel];
    const float divisor = range.max - range.min + masking.epsilon;
    if (masking.normalisation == SCORECAM_NORMALISE_BEFORE) {
      map_.open(source.activations, channel, range.min, divisor);
      min_ = 0;
      divisor_ = 1;
    } else {
      map_.open(source.activations, channel);
      min_ = range.min;
      divisor_ = divisor;
    }
    factor_ = 1 / divisor_;
    invertible_ = std::isnormal(factor_);
  }

  void write(int64_t y, Masked masked, const MaskedRow &row) {
    map_.seek(y);
    if (invertible_)
      masked(map_.rows(), map_.weights(), y_.taps, min_, factor_, row);
    else
      divide(masked, row);
  }

 private:
  void divide(Masked masked, const MaskedRow &row) {
    kernels_.mix_row(map_.rows(), map_.weights(), y_.taps, x_.padded_out, mask_);
    for (int64_t x = 0; x < x_.padded_out; ++x) mask_[x] = (mask_[x] - min_) / divisor_;
    const float one = 1;
    masked(&mask_, &one, 1, 0, 1, row);
  }

  const RowKernels &kernels_;
  const Axis &y_, &x_;
  MapRows map_;
  float *mask_;
  float min_ = 0, divisor_ = 1, factor_ = 1;
  bool invertible_ = true;
};

class Worker {
 public:
  static int64_t scratch_floats(const Axis &x, const MaskedBatchRequest &request, int64_t band) {
    return kGroup * MaskedRows::scratch_floats(x) + band * request.width * request.channels;
  }

  Worker(const MaskedBatchRequest &request, const RowKernels &kernels, const Axis &y, const Axis &x, float *scratch)
      : request_(request),
        masked_to_(masked_to(request.out_dtype, kernels)),
        masked_{masked_rows(0, kernels, y, x, scratch), masked_rows(1, kernels, y, x, scratch),
                masked_rows(2, kernels, y, x, scratch), masked_rows(3, kernels, y, x, scratch)},
        packed_(scratch + kGroup * MaskedRows::scratch_floats(x)) {}

  // Image rows begin to end of chunk rows first to first + count, at most kGroup.
  void tile(int64_t first, int64_t count, int64_t begin, int64_t end) {
    const scorecam_source &source = request_.source;
    int64_t rows[kGroup];
    int count_masked = 0;
    for (int64_t row = first; row < first + count; ++row) {
      const int64_t channel = request_.row_channels[row];
      if (channel == SCORECAM_CHANNEL_NONE || (source.ranges[channel].flags & SCORECAM_RANGE_CONSTANT)) {
        clear(row, begin, end);
      } else {
        masked_[count_masked].open(source, channel, request_.masking);
        rows[count_masked++] = row;
      }
    }
    if (count_masked == 0) return;
    const Band band = band_of(begin, end);
    MaskedRow masked{};
    masked.planes = planes();
    masked.channels = request_.channels / masked.planes;
    masked.pixels = request_.width;
    masked.image_plane = band.plane_stride;
    masked.out_plane = request_.height * request_.width;
    for (int64_t y = begin; y < end; ++y) {
      masked.image = band.data + (y - begin) * band.row_stride;
      for (int i = 0; i < count_masked; ++i) {
        masked.out = out(rows[i], 0, y);
        masked_[i].write(y, masked_to_, masked);
      }
    }
  }

 private:
  static MaskedRows masked_rows(int index, const RowKernels &kernels, const Axis &y, const Axis &x, float *scratch) {
    return MaskedRows(kernels, y, x, scratch + index * MaskedRows::scratch_floats(x));
  }

  int64_t planes() const { return request_.channels_last ? 1 : request_.channels; }

  // Where pixel 0 of image row y is written, of channel c if channels have planes of their own.
  char *out(int64_t row, int64_t c, int64_t y) const {
    const int64_t in_sample = request_.channels_last ? y * request_.width * request_.channels
                                                     : (c * request_.height + y) * request_.width;
    return request_.out + (row * request_.sample_stride + in_sample) * element_size(request_.out_dtype);
  }

  void clear(int64_t row, int64_t begin, int64_t end) const {
    const int64_t row_elements = request_.width * (request_.channels_last ? request_.channels : 1);
    const int64_t bytes = (end - begin) * row_elements * element_size(request_.out_dtype);
    for (int64_t c = 0; c < planes(); ++c) std::memset(out(row, c, begin), 0, static_cast<std::size_t>(bytes));
  }

  Band band_of(int64_t begin, int64_t end) {
    const scorecam_tensor &image = request_.source.image;
    if (usable_in_place(image, request_.channels_last)) return in_place(image, begin);
    if (packed_begin_ != begin) {
      packed_band_ = pack(image, request_.channels_last, begin, end, packed_);
      packed_begin_ = begin;
    }
    return packed_band_;
  }

  const MaskedBatchRequest &request_;
  const Masked masked_to_;
  MaskedRows masked_[kGroup];
  float *const packed_;
  int64_t packed_begin_ = -1;
  Band packed_band_{};
};

}  // namespace

void masked_batch(const MaskedBatchRequest &request, const RowKernels &kernels) {
  const Axis y(request.masking.upsampling, request.map_height, request.height);
  const Axis x(request.masking.upsampling, request.map_width, request.width);
  const int64_t band = band_rows(request);
  const int64_t bands = (request.height + band - 1) / band, groups = (request.rows + kGroup - 1) / kGroup;
  const int64_t tiles = bands * groups;
  const int64_t bytes =
      request.rows * request.channels * request.height * request.width * element_size(request.out_dtype);
  const int threads = thread_count(tiles, bytes);
  const Scratch scratch(threads, Worker::scratch_floats(x, request, band));

  parallel(threads, tiles, [&](int64_t begin, int64_t end, int thread) {
    Worker worker(request, kernels, y, x, scratch.piece(thread));
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t row = tile / groups * band, first = tile % groups * kGroup;
      worker.tile(first, std::min<int64_t>(kGroup, request.rows - first), row, std::min(row + band, request.height));
    }
  });
}

}  // namespace scorecam
