// From this engine's quantized matrices to the blocks of GGUF, the inverse of io/gguf_blocks.h: the same integers, with scale and zero
// as the two half-precision numbers that a block has room for.
#pragma once

#include <cstdint>

#include "io/gguf_blocks.h"
#include "quant/types.h"

namespace hqq {

/// The block type that holds the matrix without changing an integer: Q4_1 up to 4 bits, Q5_1 for 5, Q8_0 for what consists of 8-bit
/// multiples of its scales. Null when there is none: groups that are no runs of 32 columns, zeros that are no integers. The integers are
/// looked at for Q8_0 only.
const GgufBlock* gguf_block_for(const QuantizedTensor& tensor);

/// How far the blocks are from the matrix they were made of: scales and offsets are rounded to half precision.
struct GgufRounding {
  double largest_difference = 0;
  double largest_weight = 0;
};

/// Writes all blocks, row by row; out: rows * columns / block.values * block.bytes. Each is decoded again and held against `tensor`.
GgufRounding encode_gguf(const QuantizedTensor& tensor, const GgufBlock& block, std::byte* out);

}  // namespace hqq
