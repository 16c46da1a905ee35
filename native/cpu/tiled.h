// Runtime layout of a quantized matrix: what the kernels stream. Storage formats (quant/types.h) are for files; a
// weight is repacked into this form once, when it is loaded.
//
// Rows go in blocks of 16, columns in chunks of 64, a chunk being 16 "quads" of 4 columns. A quad of a block is 64
// bytes, 16 rows x 4 columns: one dword per row, so that a 4-byte broadcast of activations meets 16 rows at once and
// sums stay in their lane.
//
//   block b, chunk c:  plane of 8 / 4 / 2 / 1 bits, each a run of 64-byte vectors
//     8 bits: 16 vectors, vector i holds quad i
//     4 bits:  8 vectors, vector i holds quads 2i (low nibble), 2i+1
//     2 bits:  4 vectors, vector i holds quads 4i (lowest) .. 4i+3
//     1 bit:   2 vectors, vector i holds quads 8i (lowest) .. 8i+7
//   6, 5 and 3 bits are a 4-, 4- and 2-bit plane with the low bits, then a 2-, 1- and 1-bit plane with the high ones.
//
// axis 1: meta is [block][segment][scale, zero][16 rows]; a segment is the largest run of columns that never crosses a
//   group, so a group that straddles rows costs repeated metadata, not another kernel.
// axis 0: rows r, r + classes, r + 2*classes, ... of one column form a group, hence share one scale per column. Blocks
//   hold rows of one class, meta is [class][scale, zero][columns], and the kernel scales the activations instead of the
//   weights.
#pragma once

#include <cstdint>
#include <optional>

#include "quant/types.h"

namespace hqq {

constexpr int64_t kBlockRows = 16;
constexpr int64_t kChunkCols = 64;

struct TiledWeights {
  int nbits = 0;
  int axis = 1;
  int64_t out = 0, in = 0;
  int64_t blocks = 0;             // of 16 rows, in storage order
  int64_t chunks = 0;             // ceil(in / 64)
  int64_t chunk_bytes = 0;        // 128 * nbits
  DType meta_dtype = DType::f32;  // of scale and zero as kept here
  DType compute_dtype = DType::f32;
  int64_t segment = 0;       // axis 1: columns per segment, a multiple of 64 or one of 8, 16, 32
  int64_t segments = 0;      // axis 1: in / segment
  int64_t classes = 1;       // axis 0
  int64_t class_rows = 0;    // axis 0: rows of a class = group size
  int64_t class_blocks = 0;  // axis 0: ceil(class_rows / 16)
  Buffer quants;
  Buffer meta;

  const uint8_t* chunk(int64_t block, int64_t c) const {
    return quants.as<uint8_t>() + (block * chunks + c) * chunk_bytes;
  }
  /// Matrix row in lane `lane` of a block, or -1 for padding.
  int64_t row_of(int64_t block, int64_t lane) const;
  int64_t class_of(int64_t block) const { return axis == 0 ? block / class_blocks : 0; }
};

/// Repacks a stored tensor. `compute_dtype` (f32, f16, bf16): scale and zero are rounded to it, and the exact kernels
/// round W' as HQQLinear does. Empty when the grouping fits neither layout (segments below 8 columns at axis 1, or
/// groups that are not whole row classes at axis 0): such a tensor runs dequantized.
std::optional<TiledWeights> tile_weights(const QuantizedTensor& tensor, DType compute_dtype);

/// Row `row` of W', rounded as HQQLinear rounds in the compute dtype.
void read_tiled_row(const TiledWeights& weights, int64_t row, float* out);

/// Reference reader of the layout: the integer at (block, lane, column).
int tiled_value(const TiledWeights& weights, int64_t block, int64_t lane, int64_t column);

}  // namespace hqq
