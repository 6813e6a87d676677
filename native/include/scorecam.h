/*
 * scorecam.h: the masking kernels of Score-CAM behind a C interface.
 *
 * Score-CAM multiplies an image with every activation map of a target layer, upsampled to the size of the
 * image and scaled to [0, 1], and asks the network for a score of each masked image. This library does all
 * that lies between the activation maps and the network in one pass over the memory that the network reads:
 *
 *     u[y, x]      = upsample(A)[y, x]                       A: h x w activation map of a channel
 *     m[y, x]      = (u[y, x] - min(u)) / (max(u) - min(u) + epsilon)
 *     out[c, y, x] = round(image[c, y, x] * m[y, x])         rounded once, to the dtype of out
 *
 * or, with SCORECAM_NORMALISE_BEFORE, u = upsample((A - min(A)) / (max(A) - min(A) + epsilon)) and m = u.
 * All arithmetic is float32 whatever the dtypes; half types are widened before and rounded to nearest even after, except
 * that bfloat16 results below 2^-126 may become 0. Infinities and NaNs go where IEEE arithmetic takes them, except in
 * constant channels, see below.
 *
 * Conventions
 *   - Sizes, strides and indices are int64_t; strides count elements, not bytes.
 *   - Every pointer stays the caller's. Nothing is kept after a call returns, except what scorecam_register_operators,
 *     scorecam_define_vision_operator, scorecam_tensor_memory, scorecam_use_huge_pages and scorecam_exit_at_once_while set
 *     for the whole process, and DLPack's structures, which say how long they live.
 *   - A function that can fail returns a status; scorecam_last_message() then says what was wrong.
 *   - All functions may be called from several threads at once, as long as their outputs do not overlap.
 *   - Outputs must not overlap inputs.
 */
#ifndef SCORECAM_H
#define SCORECAM_H

#include <stdint.h>

#ifndef SCORECAM_API
#if defined(_WIN32)
#define SCORECAM_API __declspec(dllexport)
#else
#define SCORECAM_API __attribute__((visibility("default")))
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with every change that breaks a caller compiled against an older header, and with new functions. */
#define SCORECAM_ABI_VERSION 9

/* What a call came to. */
typedef int32_t scorecam_status;
enum {
  SCORECAM_STATUS_OK = 0,
  SCORECAM_STATUS_INVALID_ARGUMENT = 1, /* a null pointer, a wrong shape, an index out of range */
  SCORECAM_STATUS_UNSUPPORTED = 2,      /* meaningful, but not offered: a dtype or an output layout */
  SCORECAM_STATUS_BAD_ISA = 3,          /* SCORECAM_MAX_ISA names no instruction set of this architecture */
  SCORECAM_STATUS_OUT_OF_MEMORY = 4,
  SCORECAM_STATUS_NOT_APPLICABLE = 5,   /* this platform has no such setting */
  SCORECAM_STATUS_NO_DEVICE = 6,        /* no CUDA driver, or no device that this library has code for */
  SCORECAM_STATUS_DEVICE_ERROR = 7,     /* CUDA reported an error */
  SCORECAM_STATUS_INTERNAL = 8
};

enum { SCORECAM_DTYPE_FLOAT32 = 0, SCORECAM_DTYPE_BFLOAT16 = 1, SCORECAM_DTYPE_FLOAT16 = 2 };

/*
 * Each to PyTorch's definition of `interpolate`, its float32 source coordinates included:
 *   nearest           source = floor(target * (in / out))
 *   bilinear          source = (target + 0.5) * (in / out) - 0.5, not below 0
 *   bilinear aligned  source = target * ((in - 1) / (out - 1)), `align_corners=True`
 *   bicubic           source as bilinear without the bound; cubic convolution with a = -0.75
 */
enum {
  SCORECAM_UPSAMPLING_NEAREST = 0,
  SCORECAM_UPSAMPLING_BILINEAR = 1,
  SCORECAM_UPSAMPLING_BILINEAR_ALIGNED = 2,
  SCORECAM_UPSAMPLING_BICUBIC = 3
};

enum { SCORECAM_NORMALISE_AFTER = 0, SCORECAM_NORMALISE_BEFORE = 1 };

#define SCORECAM_MAX_RANK 4

/* A view of somebody's tensor. Entries of sizes and strides from `rank` on are ignored. */
typedef struct scorecam_tensor {
  void *data;
  int32_t dtype; /* SCORECAM_DTYPE_* */
  int32_t rank;
  int64_t sizes[SCORECAM_MAX_RANK];
  int64_t strides[SCORECAM_MAX_RANK];
} scorecam_tensor;

/* How an activation map becomes a mask. */
typedef struct scorecam_masking {
  int32_t upsampling;    /* SCORECAM_UPSAMPLING_* */
  int32_t normalisation; /* SCORECAM_NORMALISE_* */
  float epsilon;         /* >= 0 */
  int32_t reserved;      /* 0 */
} scorecam_masking;

enum {
  /* All h x w values are equal and finite. The mask of such a channel is 0 everywhere: its rounding noise
   * after upsampling is not a mask. */
  SCORECAM_RANGE_CONSTANT = 1,
  /* An infinity or a NaN is among the h x w values, or arose in upsampling. min and max are NaN if a NaN is
   * among the values that they are taken over. */
  SCORECAM_RANGE_NON_FINITE = 2
};

/* What there is to know about a channel before it is masked. */
typedef struct scorecam_range {
  float min;
  float max;
  int32_t flags; /* SCORECAM_RANGE_* */
  int32_t reserved;
  /* Of the h x w values as float32: equal channels (-0 equals 0) have equal hashes, on any machine or device.
   * Unequal channels have unequal hashes but for one chance in 2^64 per pair. */
  uint64_t hash;
} scorecam_range;

/* An image, the activation maps that the network gave for it, and their ranges. */
typedef struct scorecam_source {
  scorecam_tensor activations; /* [K, h, w], any dtype and strides */
  scorecam_tensor image;       /* [C, H, W], any dtype and strides; fastest in out's layout as float32 */
  const scorecam_range *ranges; /* [K], from scorecam_channel_range with the same masking */
} scorecam_source;

/* In place of a channel: the row is all zeros. For padding a chunk to its fixed size, and as the one masked
 * image that all constant channels share. */
#define SCORECAM_CHANNEL_NONE (-1)

/*
 * Range, flags and hash of every channel.
 *
 *   activations  [K, h, w], any dtype and strides
 *   height, width  H and W of the image; with SCORECAM_NORMALISE_AFTER min and max are those of the upsampled
 *                map, with SCORECAM_NORMALISE_BEFORE those of the map itself
 *   ranges       [K], written
 */
SCORECAM_API scorecam_status scorecam_channel_range(const scorecam_tensor *activations, int64_t height, int64_t width,
                                                    const scorecam_masking *masking, scorecam_range *ranges);

/*
 * Writes a chunk of masked images, all of one image.
 *
 *   row_channels [B] which of the source's channels masks the row, or SCORECAM_CHANNEL_NONE
 *   out          [B, C, H, W], any dtype; samples contiguous or channels-last, any distance between them that
 *                keeps them apart
 *
 * Rows of SCORECAM_CHANNEL_NONE and of constant channels are filled with +0 and do not read the image.
 * With B = 0 nothing happens.
 */
SCORECAM_API scorecam_status scorecam_masked_batch(const scorecam_source *source, const int64_t *row_channels,
                                                   const scorecam_masking *masking, const scorecam_tensor *out);

/* Where a filter goes, vertically and horizontally. What lies outside of the image is 0. */
typedef struct scorecam_window {
  int64_t kernel[2];
  int64_t stride[2];
  int64_t padding[2];
  int64_t dilation[2];
} scorecam_window;

/*
 * The first convolution of masked images without the masked images. A mask is linear in the normalised cells of its map,
 * m = upsample(a) with a = (A - min) / (max - min + epsilon) for either normalisation, since the weights of an upsampled
 * position add up to 1. So the convolution of image * m is linear in a, and the window of an output pixel touches few
 * cells: at most classes[0] rows and classes[1] columns of them next to each other. Cells whose row and column leave the
 * same remainders by these numbers are a class, of which a window touches one at most:
 *
 *     out[b, y, x, o] = sum over classes i of a[b, cell of class i at y, x] * responses[i, y, x, o] + bias[o]
 *
 * within lowest and highest, where responses[i] is the convolution, without bias, of image * upsample(map that is 1 in
 * class i and 0 elsewhere): made once for any number of maps, from a masked image of scorecam_masked_batch for each class.
 */
typedef struct scorecam_stem {
  scorecam_tensor activations;  /* [K, h, w], any dtype and strides */
  const scorecam_range *ranges; /* [K], from scorecam_channel_range with the same masking */
  int64_t height;               /* H of the image */
  int64_t width;                /* W of the image */
  scorecam_window window;       /* of the convolution */
  int64_t outputs;              /* O >= 1; fastest in multiples of 16 */
  const float *responses;       /* [classes[0] * classes[1], Ho, Wo, O]; class i has remainders i / classes[1] and
                                   i % classes[1] */
  const float *bias;            /* [O] or null */
  float lowest;                 /* such as 0 for a ReLU, or -infinity */
  float highest;                /* >= lowest */
} scorecam_stem;

/*
 * How many rows and columns of a map's cells the window of an output pixel touches at most.
 *
 *   upsampling     SCORECAM_UPSAMPLING_*
 *   map            h and w of the maps
 *   image          H and W of the image
 *   classes        written: vertically and horizontally, at least 1
 */
SCORECAM_API scorecam_status scorecam_stem_classes(int32_t upsampling, const int64_t map[2], const int64_t image[2],
                                                   const scorecam_window *window, int64_t classes[2]);

/*
 * Writes what the convolution gives for a chunk of masked images, all of one image.
 *
 *   row_channels [B] as for scorecam_masked_batch
 *   out          [B, O, Ho, Wo], float32, dense and channels-last
 */
SCORECAM_API scorecam_status scorecam_stem_batch(const scorecam_stem *stem, const int64_t *row_channels,
                                                 const scorecam_masking *masking, const scorecam_tensor *out);

/*
 * A convolution with weights of 3 x 3 and a stride of 1, and what follows it in a network:
 *
 *     out[n, y, x, o] = sum over i, r, s of weight[o, i, r, s] * input[n, y + r - padding, x + s - padding, i]
 *     output          = relu(out + bias + residual)       what is not given is left out
 *
 * where the input is 0 outside of the image. Tensors are dense float32, channels last: input [N, H, W, I], output and
 * residual [N, H + 2 * padding - 2, W + 2 * padding - 2, O].
 *
 * Computed by Winograd's minimal filtering F(4x4, 3x3), with 4 times fewer multiplications than the definition and
 * somewhat more rounding: the mean error is less than twice that of the definition summed up in float32 (relative to
 * the root of the mean square of outputs, 7e-7 with 64 and 2e-6 with 512 normally distributed inputs). An infinity or
 * a NaN makes NaNs of up to 4 x 4 tiles of outputs around it.
 */
typedef struct scorecam_convolution {
  int64_t images;  /* N; with 0 nothing happens */
  int64_t height;  /* H >= 1 */
  int64_t width;   /* W >= 1 */
  int64_t inputs;  /* I >= 1; fastest in multiples of 16 */
  int64_t outputs; /* O >= 1; fastest in multiples of 32 */
  int32_t padding; /* 0, 1 or 2 */
  int32_t relu;    /* 1: negative outputs become 0; 0: they do not */
  const float *input;
  const float *weight;   /* from scorecam_winograd_pack */
  const float *bias;     /* [O] or null */
  const float *residual; /* null, or what is added; may be output itself, but overlap it in no other way */
  float *output;
} scorecam_convolution;

/* How many floats scorecam_winograd_pack writes: about 4 times as many as the weight has. */
SCORECAM_API scorecam_status scorecam_winograd_weight_size(int64_t inputs, int64_t outputs, int64_t *floats);

/*
 * Transforms weights for scorecam_winograd_convolution, once for any number of convolutions.
 *
 *   weight       [O, I, 3, 3], any dtype and strides
 *   packed       written; fastest if aligned to 64 bytes. The same for all instruction sets, but for this version
 *                of the library only
 */
SCORECAM_API scorecam_status scorecam_winograd_pack(const scorecam_tensor *weight, float *packed);

SCORECAM_API scorecam_status scorecam_winograd_convolution(const scorecam_convolution *convolution);

enum {
  SCORECAM_ACTIVATION_NONE = 0,
  SCORECAM_ACTIVATION_RELU = 1,       /* max(y, 0) */
  SCORECAM_ACTIVATION_RELU6 = 2,      /* min(max(y, 0), 6) */
  SCORECAM_ACTIVATION_SILU = 3,       /* y / (1 + exp(-y)) */
  SCORECAM_ACTIVATION_HARDSWISH = 4,  /* y * min(max(y + 3, 0), 6) / 6 */
  SCORECAM_ACTIVATION_SIGMOID = 5,    /* 1 / (1 + exp(-y)) */
  SCORECAM_ACTIVATION_HARDSIGMOID = 6 /* min(max(y + 3, 0), 6) / 6 */
};

/*
 * An inverted residual, as MobileNets and EfficientNets consist of (Sandler et al., "MobileNetV2: Inverted Residuals
 * and Linear Bottlenecks", CVPR 2018), or a part of one:
 *
 *     h[n, y, x, e] = a(sum over i of expand[e, i] * input[n, y, x, i] + expand_bias[e])
 *     g[n, y, x, e] = a(sum over r, s of filter[e, r, s] * h[n, y * stride + r - side / 2, x * stride + s - side / 2, e]
 *                       + filter_bias[e])
 *     output        = sum over e of project[o, e] * g[n, y, x, e] * s[n, e] + project_bias[o] + input[n, y, x, o]
 *
 * where h is 0 outside of the image. Without `expand` h is the input, without `project` g is the output, and the input
 * is added only where that is wanted. s is 1, or what squeeze and excitation make of the means of all channels (Hu et
 * al., "Squeeze-and-Excitation Networks", CVPR 2018):
 *
 *     z[n, q] = b(sum over e of squeeze[q, e] * mean over y, x of g[n, y, x, e] + squeeze_bias[q])
 *     s[n, e] = gate(sum over q of excite[e, q] * z[n, q] + excite_bias[e])
 *
 * Tensors are dense float32, channels last: input [N, H, W, I], output [N, (H - 1) / stride + 1, (W - 1) / stride + 1, O].
 *
 * The E hidden channels h of an image are never stored as a whole, and g only to be squeezed.
 */
typedef struct scorecam_inverted_residual {
  int64_t images;             /* N; with 0 nothing happens */
  int64_t height;             /* H >= 1 */
  int64_t width;              /* W >= 1 */
  int64_t inputs;             /* I >= 1; E where `expands` is 0 */
  int64_t hidden;             /* E >= 1; fastest in multiples of 16 */
  int64_t squeezed;           /* Q; 0 without `squeeze` and `excite`, which need a `project` */
  int64_t outputs;            /* O; 0 without `project` */
  int32_t side;               /* of the filter: 3 or 5 */
  int32_t stride;             /* 1 or 2 */
  int32_t activation;         /* a, of SCORECAM_ACTIVATION_* */
  int32_t squeeze_activation; /* b, likewise */
  int32_t gate;               /* likewise */
  int32_t expands;            /* 1: with `expand`; 0: without */
  int32_t adds_input;         /* 1: the input is added, which has the shape of the output; 0: it is not */
  const float *input;
  const float *weight; /* from scorecam_inverted_residual_pack */
  float *output;
} scorecam_inverted_residual;

/* Of any dtype and strides; biases are dense float32, and 0 where they are null. */
typedef struct scorecam_inverted_residual_weights {
  const scorecam_tensor *expand;  /* [E, I, 1, 1]; null without */
  const float *expand_bias;       /* [E] */
  const scorecam_tensor *filter;  /* [E, 1, side, side] */
  const float *filter_bias;       /* [E] */
  const scorecam_tensor *squeeze; /* [Q, E, 1, 1]; null without */
  const float *squeeze_bias;      /* [Q] */
  const scorecam_tensor *excite;  /* [E, Q, 1, 1]; null without */
  const float *excite_bias;       /* [E] */
  const scorecam_tensor *project; /* [O, E, 1, 1]; null without */
  const float *project_bias;      /* [O] */
} scorecam_inverted_residual_weights;

/*
 * How many floats scorecam_inverted_residual_pack writes.
 *
 *   inputs   I; 0 without `expand`
 *   squeezed Q; 0 without `squeeze` and `excite`
 *   outputs  O; 0 without `project`
 */
SCORECAM_API scorecam_status scorecam_inverted_residual_weight_size(int64_t inputs, int64_t hidden, int64_t squeezed,
                                                                    int64_t outputs, int32_t side, int64_t *floats);

/* As scorecam_winograd_pack. */
SCORECAM_API scorecam_status scorecam_inverted_residual_pack(const scorecam_inverted_residual_weights *weights,
                                                             float *packed);

SCORECAM_API scorecam_status scorecam_inverted_residual_batch(const scorecam_inverted_residual *block);

/*
 * A convolution of 1 x 1 over the channels of one or several tensors, each kept within bounds:
 *
 *     x[p]         = input[0][p], input[1][p], .. one after the other
 *     output[p, o] = a(sum over i of weight[o, i] * min(max(x[p, i], least[i]), most[i]) + bias[o])
 *
 * That is what is left of a batch norm and a ReLU before the convolution, as in DenseNets (Huang et al., "Densely
 * Connected Convolutional Networks", CVPR 2017), once the norm's scale and shift are part of it. Tensors are dense
 * float32, channels last; what is joined and bounded is never stored as a whole.
 */
typedef struct scorecam_bounded_pointwise {
  int64_t images;            /* N >= 1, all of the same size */
  int64_t pixels;            /* of all images together; with 0 nothing happens */
  int64_t tensors;           /* T >= 1 */
  const int64_t *channels;   /* [T], some of them may be 0 */
  const float *const *input; /* [T], each [pixels, channels] */
  int64_t outputs;           /* O >= 1; fastest in multiples of 32 */
  int32_t activation;        /* a, of SCORECAM_ACTIVATION_* */
  const float *weight;       /* from scorecam_bounded_pointwise_pack */
  float *output;             /* [pixels, O] */
} scorecam_bounded_pointwise;

typedef struct scorecam_bounded_pointwise_weights {
  const scorecam_tensor *weight; /* [O, I, 1, 1], any dtype and strides; I is the channels of all tensors */
  const float *bias;             /* [O]; 0 if it is null */
  const float *least;            /* [I], negative infinity where there is no such bound */
  const float *most;             /* [I], infinity likewise; not below least */
} scorecam_bounded_pointwise_weights;

/* How many floats scorecam_bounded_pointwise_pack writes. */
SCORECAM_API scorecam_status scorecam_bounded_pointwise_weight_size(int64_t inputs, int64_t outputs, int64_t *floats);

/* As scorecam_winograd_pack. */
SCORECAM_API scorecam_status scorecam_bounded_pointwise_pack(const scorecam_bounded_pointwise_weights *weights,
                                                             float *packed);

SCORECAM_API scorecam_status scorecam_bounded_pointwise_batch(const scorecam_bounded_pointwise *convolution);

/*
 * The channels of one or several tensors, joined and shuffled (Zhang et al., "ShuffleNet", CVPR 2018), and cut again into
 * parts of equally many:
 *
 *     x[p]                          = input[0][p], input[1][p], .. one after the other, of C channels together
 *     y[p, i * groups + q]          = x[p, q * C / groups + i]
 *     output[0][p], output[1][p], ..= y[p]
 *
 * Tensors are dense float32, channels last.
 */
typedef struct scorecam_channel_shuffle {
  int64_t pixels;            /* of all images; with 0 nothing happens */
  int64_t tensors;           /* T >= 1 */
  const int64_t *channels;   /* [T], some of them may be 0 */
  const float *const *input; /* [T], each [pixels, channels] */
  int64_t groups;            /* a divisor of C */
  int64_t parts;             /* a divisor of C */
  float *const *output;      /* [parts], each [pixels, C / parts] */
} scorecam_channel_shuffle;

SCORECAM_API scorecam_status scorecam_shuffle_channels(const scorecam_channel_shuffle *shuffle);

/*
 * The maximum of each channel under a window; what lies outside of the image does not count, and a NaN is larger than all
 * numbers. Tensors are dense float32, channels last.
 *
 * Windows that reach beyond the padding are left out; with `rounds_up` they are outputs, too, if they begin inside the image
 * or in the padding before it.
 */
typedef struct scorecam_max_pool {
  int64_t images;         /* N; with 0 nothing happens */
  int64_t height;         /* H >= 1 */
  int64_t width;          /* W >= 1 */
  int64_t channels;       /* C >= 1 */
  scorecam_window window; /* without dilation: 1; padding at most half of the kernel */
  int32_t rounds_up;      /* 1 or 0 */
  int32_t reserved;       /* 0 */
  const float *input;     /* [N, H, W, C] */
  float *output;          /* [N, Ho, Wo, C] */
} scorecam_max_pool;

/* Ho and Wo of scorecam_max_pool, at least 1. */
SCORECAM_API scorecam_status scorecam_max_pool_outputs(const scorecam_max_pool *pool, int64_t outputs[2]);

SCORECAM_API scorecam_status scorecam_max_pool_batch(const scorecam_max_pool *pool);

/*
 * Registers those above with LibTorch's dispatcher, for the CPU, for as long as the process lives; a second call
 * does nothing. Float32 tensors go in, and come out channels-last; what is not dense and channels-last is copied first:
 *
 *     scorecam::winograd(Tensor input, Tensor weight, Tensor bias, int padding, bool relu) -> Tensor
 *     scorecam::winograd_add(Tensor input, Tensor residual, Tensor weight, Tensor bias, int padding, bool relu) -> Tensor
 *
 *     scorecam::inverted_residual(Tensor input, Tensor weight, int hidden, int squeezed, int outputs, int side,
 *                                 int stride, int activation, int squeeze_activation, int gate, bool expands,
 *                                 bool adds_input) -> Tensor
 *
 *     scorecam::bounded_pointwise(Tensor input, Tensor weight, int outputs, int activation) -> Tensor
 *     scorecam::bounded_pointwise_cat(Tensor[] inputs, Tensor weight, int outputs, int activation) -> Tensor
 *
 *     scorecam::channel_shuffle(Tensor[] inputs, int groups) -> Tensor
 *     scorecam::channel_shuffle_halves(Tensor[] inputs, int groups) -> (Tensor, Tensor)
 *
 *     scorecam::max_pool(Tensor input, int side, int stride, int padding, bool rounds_up) -> Tensor
 *
 * Weights are from the functions that pack them, and a bias has O floats.
 *
 *   libtorch_cpu the path of the library, which this process has loaded; it is found by its stable C interface
 *
 * NOT_APPLICABLE if it is not loaded, or has no such interface.
 */
SCORECAM_API scorecam_status scorecam_register_operators(const char *libtorch_cpu);

/*
 * Defines an operator of torchvision's for LibTorch's dispatcher, for as long as the process lives; a second call does
 * nothing. For networks that call it in a process without torchvision's own library, which cannot be loaded afterwards.
 * Schemas and results are torchvision's. Tensors of other devices are copied to the CPU, and results back.
 *
 *   libtorch_cpu as for scorecam_register_operators
 *   name         "torchvision::nms", of float32 or float64; half types are widened. Or
 *                "torchvision::roi_align", of float32, float64 or float16; bfloat16 is widened. Samples outside of an
 *                image count as 0 whatever is in the image, also those of a region with a NaN
 *
 * UNSUPPORTED for another name; NOT_APPLICABLE as scorecam_register_operators; INTERNAL if another library has defined
 * the operator.
 */
SCORECAM_API scorecam_status scorecam_define_vision_operator(const char *libtorch_cpu, const char *name);

/*
 * Memory for LibTorch's tensors on the CPU that stays with the process. A network run on chunk after chunk frees and
 * takes the same large blocks; the C library gives each back to the system, and it is faulted in page by page again.
 * This allocator takes blocks of 256 KiB and more from a range of addresses of its own, as large as the machine's
 * memory, and keeps it; while tensors are made it gives back what lay above all of them for some hundred chunks. Smaller
 * blocks it takes from theirs. The kernels' scratch memory is from the same range. On Linux; not for use after fork()
 * without exec() in programs that allocate in several threads.
 *
 *   libtorch_cpu the path of the library, which this process has loaded
 *   theirs       the c10::Allocator* in use, such as c10::GetAllocator(DeviceType::CPU); must live as long as the process
 *   ours         set to a c10::Allocator* for c10::SetAllocator, which lives as long as the process; always the same
 *
 * NOT_APPLICABLE with other versions of LibTorch than 2.10, whose allocators may look different; on other systems; where
 * addresses are limited (RLIMIT_AS, RLIMIT_DATA, vm.overcommit_memory=2); or if theirs has no raw deleter.
 */
SCORECAM_API scorecam_status scorecam_tensor_memory(const char *libtorch_cpu, void *theirs, void **ours);

/*
 * Makes and frees a large and a small tensor through LibTorch, once its allocator is that of scorecam_tensor_memory, to
 * see whether they are served as they should be.
 *
 * NOT_APPLICABLE if anything deviates: put the allocator back that was in use before; what came from ours until then may
 * still be freed.
 */
SCORECAM_API scorecam_status scorecam_try_tensor_memory(const char *libtorch_cpu);

/* Huge pages for that memory, once it was tried. NOT_APPLICABLE where the system has none, or before there is such memory. */
SCORECAM_API scorecam_status scorecam_use_huge_pages(void);

/*
 * Ends the threads that helped the calling one in operations, LibTorch's among them where both have the same OpenMP. Left
 * alone they spin for some milliseconds after each operation, waiting for the next one, which otherwise starts them anew.
 * To be called before other threads take over. Does nothing with an OpenMP other than GCC's, or within an operation.
 */
SCORECAM_API void scorecam_dismiss_threads(void);

/*
 * When the process exits while *working is above 0, it exits at once, with its status, and nothing more that was
 * registered for its exit is called. Other threads go on until a process is gone, and LibTorch's static objects would be
 * destroyed while they use them, which mostly ends in a crash. Call it as late as possible, since what is registered
 * last is called first. Output that the C library still buffers is lost.
 *
 *   working  stays readable until the process is gone; null: registers nothing, and tells whether this system can
 *
 * NOT_APPLICABLE without glibc.
 */
SCORECAM_API scorecam_status scorecam_exit_at_once_while(const int64_t *working);

/* Gives back to the system what that memory keeps and no tensor uses; without it does nothing. */
SCORECAM_API void scorecam_release_tensor_memory(void);

/* The most bytes of that memory that were in use at once since scorecam_forget_tensor_memory_peak, above those in use
 * then, by all threads together; 0 without such memory. */
SCORECAM_API int64_t scorecam_tensor_memory_peak(void);
SCORECAM_API void scorecam_forget_tensor_memory_peak(void);

/* DLPack's two structures: DLManagedTensor, which all know, and DLManagedTensorVersioned, which also has flags. */
enum { SCORECAM_DLPACK_PLAIN = 0, SCORECAM_DLPACK_VERSIONED = 1 };

/*
 * A tensor of LibTorch's as DLPack hands it to other libraries: the same memory, which lives until the consumer has
 * called the structure's deleter, whatever becomes of the tensor.
 *
 *   libtorch_cpu the path of the library, which this process has loaded
 *   tensor       an at::Tensor*; dense, of any strides, dtype and device that DLPack has
 *   form         SCORECAM_DLPACK_*
 *   read_only    1 sets DLPACK_FLAG_BITMASK_READ_ONLY, with SCORECAM_DLPACK_VERSIONED; otherwise 0
 *   managed      set to a DLManagedTensor* or DLManagedTensorVersioned*, whose deleter is to be called exactly once
 *
 * NOT_APPLICABLE if that LibTorch has no such function; UNSUPPORTED for a plain form that is to be read only; INTERNAL
 * with LibTorch's words if it refuses the tensor.
 */
SCORECAM_API scorecam_status scorecam_to_dlpack(const char *libtorch_cpu, const void *tensor, int32_t form,
                                                int32_t read_only, void **managed);

/*
 * A tensor of LibTorch's in the memory of another library's, which says by DLPack where and what it is. Shape, strides
 * (none: row-major without gaps), dtype, device and byte offset are followed. Page-locked memory of the host counts as
 * the CPU's.
 *
 *   managed      a DLManagedTensor* or DLManagedTensorVersioned* of version 1. When all went well its deleter, if it
 *                has one, is called once, by the thread that frees the last tensor of this memory; after a failure it
 *                has not been called and never will be: the structure is still the caller's
 *   form         which of the two it is, SCORECAM_DLPACK_*
 *   read_only    1 takes memory that is only to be read, too: then the caller does not write to the tensor
 *   cuda_devices how many there are; memory of a CUDA device with a higher number is refused
 *   tensor       an at::Tensor* without a tensor (undefined), which is set
 *
 * NOT_APPLICABLE as above; UNSUPPORTED for another version, or memory of another kind of device; INVALID_ARGUMENT for
 * negative sizes or strides, more bytes than 63 bits can count, elements at address 0, a device that is not there, or
 * memory that is only to be read though read_only is 0; INTERNAL with LibTorch's words if it refuses.
 */
SCORECAM_API scorecam_status scorecam_from_dlpack(const char *libtorch_cpu, void *managed, int32_t form,
                                                  int32_t read_only, int32_t cuda_devices, void *tensor);

/*
 * Records what LibTorch queues on a CUDA stream, to be queued again in one call, by at::cuda::CUDAGraph of LibTorch 2.10.
 * What is recorded does not run. Its memory stays what it was, and is the recording's until that is freed.
 *
 *   libtorch_cuda the path of the library, which this process has loaded
 *   pool          the two numbers of at::cuda::MemPool::graph_pool_handle: the allocator's pool that its memory is of
 *   graph         set to the recording, which has begun: what this thread queues on its current stream, which must not
 *                 be the default one, until scorecam_end_cuda_graph, which must be called before anything else
 *
 * NOT_APPLICABLE if that LibTorch has no such functions; INTERNAL with LibTorch's words if it refuses.
 */
SCORECAM_API scorecam_status scorecam_begin_cuda_graph(const char *libtorch_cuda, const uint64_t *pool, void **graph);

/*
 * Ends a recording, on the same thread and stream. INTERNAL if something could not be recorded: then LibTorch's allocator
 * still takes the pool for one that is recorded into, until endAllocateToPool. Free the recording in any case.
 */
SCORECAM_API scorecam_status scorecam_end_cuda_graph(const char *libtorch_cuda, void *graph);

/* Queues what was recorded on this thread's current stream. */
SCORECAM_API scorecam_status scorecam_replay_cuda_graph(const char *libtorch_cuda, void *graph);

/* Frees a recording, and the memory that it has, once what was queued of it is done. Null is none. */
SCORECAM_API scorecam_status scorecam_free_cuda_graph(const char *libtorch_cuda, void *graph);

/*
 * Has LibTorch write down the operators that this thread calls until scorecam_end_trace as a TorchScript graph, by
 * torch::jit::tracer of LibTorch 2.10. They run as they would otherwise.
 *
 *   libtorch_cpu the path of the library, which this process has loaded
 *   trace        set to what holds the graph until scorecam_free_trace
 *
 * INVALID_ARGUMENT if this thread has begun one already; NOT_APPLICABLE if that LibTorch is another version.
 */
SCORECAM_API scorecam_status scorecam_begin_trace(const char *libtorch_cpu, void **trace);

/*
 * Says what stands in this thread's trace for what operators are given or put out.
 *
 *   value         a c10::IValue
 *   stands_for_it a torch::jit::Value of the graph
 */
SCORECAM_API scorecam_status scorecam_set_traced(const char *libtorch_cpu, const void *value, void *stands_for_it);

/* What stands for a c10::IValue in this thread's trace. What is not known there becomes a constant of the graph. */
SCORECAM_API scorecam_status scorecam_get_traced(const char *libtorch_cpu, const void *value, void **stands_for_it);

/*
 * Ends this thread's trace; its graph stays. NOT_APPLICABLE if an operator was called that tells a program of the numbers
 * in a tensor: what it called next may depend on them, so that another input could give another graph.
 */
SCORECAM_API scorecam_status scorecam_end_trace(const char *libtorch_cpu, const void *trace);

/* Frees a trace that has ended, and its graph. Null is none. */
SCORECAM_API void scorecam_free_trace(void *trace);

/* SCORECAM_ABI_VERSION of the library, to be compared with that of the header. */
SCORECAM_API int32_t scorecam_abi_version(void);

/* The library's version, such as "1.2.3". Never null. */
SCORECAM_API const char *scorecam_version(void);

/*
 * The instruction set in use: the best that machine and cap allow of
 *   x86-64   "scalar" < "baseline" (SSE2) < "avx2" (with FMA and F16C) < "avx512" (F, BW, DQ, VL)
 *            < "avx512bf16"
 *   AArch64  "scalar" < "neon"
 *   others   "scalar" < "baseline"
 * "scalar" is the plain definition that the others are tested against, and slow. Null if SCORECAM_MAX_ISA in
 * the environment, read once, names none of the architecture's; every operation then fails with
 * SCORECAM_STATUS_BAD_ISA until a good cap is set.
 */
SCORECAM_API const char *scorecam_active_isa(void);

/* Overrides SCORECAM_MAX_ISA for the process; null lifts the cap. Not for use while operations run. */
SCORECAM_API scorecam_status scorecam_set_max_isa(const char *name);

/* "SCORECAM_STATUS_..." for a status. Never null. */
SCORECAM_API const char *scorecam_status_name(scorecam_status status);

/* Why the last failed call of this thread failed. Never null; valid until the next call of this thread. */
SCORECAM_API const char *scorecam_last_message(void);

#ifdef __cplusplus
}
#endif

#endif
