// From stored integers back to weights: W' = (W_q - zero) * scale.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "quant/types.h"

namespace hqq {

/// Reconstructs the weight in float32; out: [out, in] row-major.
void dequantize(const QuantizedTensor& tensor, float* out);

/// The same in the compute dtype (f32, f16 or bf16) as the reference's HQQLinear does it: scale, zero, the difference and the
/// product are each rounded to that dtype. out: compute[out, in].
void dequantize(const QuantizedTensor& tensor, DType compute, void* out);

/// The stored integers of the grouped view, u8 [rows, cols].
void unpack(const QuantizedTensor& tensor, uint8_t* q);

}  // namespace hqq
