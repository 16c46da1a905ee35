// The block types of GGUF. All the quantized ones that are read here are affine in small groups, w = scale * (q - zero), so they
// are kept as they are: same integers, same scales, in this engine's own packing. Layouts as in ggml-common.h of llama.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/dtype.h"

namespace hqq {

struct GgufBlock {
  uint32_t type;
  const char* name;  // "Q4_K"
  int64_t values;    // of a block
  int64_t bytes;     // of a block
  int nbits;         // of the integers; 0 for plain numbers
  int64_t group;     // values that share scale and zero
  DType dtype;       // of plain numbers
  bool symmetric = false;  // the zero is the middle of the integers, always
};

/// Null for a type that is not read.
const GgufBlock* gguf_block(uint32_t type);
/// For messages, also of types that are not read.
std::string gguf_type_name(uint32_t type);

/// One block as integers and its groups' scales and zeros: q[values], scale[values / group], zero[values / group]. A group of equal
/// values (scale 0) becomes integers 0 with a zero that gives the value exactly.
void decode_gguf_block(const GgufBlock& block, const std::byte* data, uint8_t* q, float* scale, float* zero);

}  // namespace hqq
