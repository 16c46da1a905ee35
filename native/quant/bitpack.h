// How quantized integers lie in memory. All packings work on the grouped view [rows, cols] along dim 0, block-wise: with p
// values per word and step = ceil(rows / p), word (r, c) holds the values of rows r, r + step, ..., r + (p-1) * step of column
// c, the first in the most significant field:
//
//   4bit_u8, p = 2    bits 7-4: row r      bits 3-0: row r + step
//   2bit_u8, p = 4    bits 7-6: row r      5-4: r + step   3-2: r + 2 step   1-0: r + 3 step
//   1bit_u8, p = 8    bit 7: row r         ...             bit 0: r + 7 step
//   3bit_32, p = 10   int32, little-endian: bits 31-30 zero, 29-27: row r, ... 2-0: row r + 9 step
//   8bit_u8, p = 1    the value itself (the reference also stores 5 and 6 bits this way)
//
// Our own dense packings are two of the above, one under the other, rows padded to a multiple of the larger p:
//
//   6bit_dense, p = 4   [rows/2, cols] 4bit_u8 of the low nibbles, then [rows/4, cols] 2bit_u8 of bits 5-4
//   5bit_dense, p = 8   [rows/2, cols] 4bit_u8 of the low nibbles, then [rows/8, cols] 1bit_u8 of bit 4
//
// Rows that do not fill the last word are padded with zeros. The reference pads only 3bit_32 and corrupts the others silently,
// so such row counts cannot be written for other programs: see require_interchangeable().
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/tensor.h"
#include "quant/types.h"

namespace hqq {

/// Which programs must be able to read the result.
enum class PackFormat : uint8_t {
  interchange,  // hqq, transformers, vLLM: reference packings only, 5 and 6 bits in a byte each
  dense,        // this engine: 5 and 6 bits dense, any row count
};

/// Throws EngineError{bad_input} for an unsupported bit width.
Packing packing_for(int nbits, PackFormat format);

/// Rows of the grouped view that share one word (for the dense packings: that rows are padded to a multiple of).
int64_t values_per_word(Packing packing);
/// i32 for 3bit_32, u8 for the rest.
DType packed_dtype(Packing packing);
Shape packed_shape(Packing packing, int64_t rows, int64_t cols);
int64_t packed_bytes(Packing packing, int64_t rows, int64_t cols);

/// Throws EngineError{bad_input} with the cure when `rows` is a count that the reference would corrupt.
void require_interchangeable(Packing packing, int64_t rows);

/// q: u8 [rows, cols], values below 2^nbits; out: packed_bytes() bytes, every one of them written.
void pack(const uint8_t* q, int64_t rows, int64_t cols, Packing packing, void* out);
/// One rectangle of words, for callers that make the integers as they pack them. Rows are counted in strides: field k of word
/// row r is row r + k * word_stride() of the grouped view. fields[k]: u8 [rows, cols] for k < values_per_word(), zeros where the
/// view has no such row, or null when it has none of them. Calls on disjoint rectangles may run in parallel.
struct PackTile {
  int64_t row = 0, rows = 0;  // word rows
  int64_t col = 0, cols = 0;
  const uint8_t* fields[10] = {};
};
int64_t word_stride(Packing packing, int64_t view_rows);
void pack_tile(const PackTile& tile, int64_t view_rows, int64_t view_cols, Packing packing, void* out);

/// Inverse of pack without the padding; q: u8 [rows, cols].
void unpack(const void* packed, int64_t rows, int64_t cols, Packing packing, uint8_t* q);
/// Rows [begin, end) only; q: u8 [end - begin, cols]. Serial, for callers that run in parallel themselves.
void unpack_rows(const void* packed, int64_t rows, int64_t cols, Packing packing, int64_t begin, int64_t end, uint8_t* q);

}  // namespace hqq
