// Winograd's minimal filtering F(4x4, 3x3): a tile of 4 x 4 outputs from 6 x 6 inputs by 36 multiplications per pair
// of channels instead of 144 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016).
//
//     Y = A' [ sum over i of (G g_i G') * (B' d_i B) ] A        * is elementwise, ' transposes
//
// d_i is a 6 x 6 tile of input channel i, g_i its 3 x 3 weights, Y the 4 x 4 outputs. The 36 products of an element are
// "frequencies". B, G and A evaluate and interpolate polynomials at 0, +-kPointA, +-kPointB and infinity.
#pragma once

#include <cstdint>

#include "cpu/row_kernels.h"

namespace scorecam {
namespace winograd {

constexpr int64_t kTile = 4;
constexpr int64_t kSide = 6;
constexpr int64_t kFrequencies = kSide * kSide;

// The points with the least rounding error of those whose squares are short fractions: on normally distributed data
// less than half of the usual 1 and 2's, less than twice that of the definition summed up in float32.
constexpr float kPointA = 0.625f, kPointB = 1.5f;

// Input channels are kept in blocks, as wide as the widest vector.
constexpr int64_t kBlock = kRowPad;

// Output channels are kept in panels.
constexpr int64_t kPanel = 32;

// Products of one tile and one panel: [frequency, kPanel].
constexpr int64_t kTileProducts = kFrequencies * kPanel;

// Packed weights, G g G', are [panel, frequency, input, kPanel], inputs and outputs filled up with zeros.
inline int64_t panels(int64_t outputs) { return (outputs + kPanel - 1) / kPanel; }
inline int64_t matrix_floats(int64_t inputs) { return padded(inputs) * kPanel; }
inline int64_t panel_floats(int64_t inputs) { return kFrequencies * matrix_floats(inputs); }

}  // namespace winograd
}  // namespace scorecam
