// Layers as bitsandbytes stores them. Neither form is a grid of integers with a scale and zero of each group of ours, so
// both are dequantized when they are read.
//
//   4 bits (nf4, fp4)   weight U8 [.., 1], two values a byte, the first in the high bits
//                       weight.absmax F32, or U8 with weight.nested_absmax and weight.nested_quant_map
//                       weight.quant_map F32 [16], the values of the codes
//                       weight.quant_state.bitsandbytes__nf4 (or __fp4) U8, a JSON text: shape, dtype, blocksize, offset
//   8 bits              weight I8 [out, in], SCB F32 [out]: W = weight * SCB / 127
#pragma once

#include <string>

#include "core/arena.h"
#include "core/tensor.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace hqq {

struct BitsAndBytesInfo {
  Shape shape;  // [out, in]
  DType dtype = DType::f16;
  std::string kind;  // "nf4", "fp4", "int8"
};

bool is_bitsandbytes_layer(const TensorStore& store, const std::string& module);

/// The weight is rounded once, to the type it was quantized from (8 bits do not record it: F16). Both throw
/// EngineError{bad_file} naming the tensor or field that does not fit.
BitsAndBytesInfo describe_bitsandbytes_layer(const TensorStore& store, const std::string& module);
Buffer dequantize_bitsandbytes_layer(const TensorStore& store, const std::string& module);

}  // namespace hqq
