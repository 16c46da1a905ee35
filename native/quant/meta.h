// Scales and zeros as stored: float values of some dtype, or 8-bit integers with a scale and zero of their own.
#pragma once

#include <cstdint>

#include "core/arena.h"
#include "quant/types.h"

namespace hqq {

/// Scales are quantized in groups of 128, strided like axis 0 of the weight.
constexpr int64_t kScaleGroupSize = 128;

/// A float32 meta tensor of zeros, to be filled in.
MetaTensor float_meta(Shape shape);

/// Replaces float32 values by 8-bit integers. `group_size` 0: one scale and zero for all of them, integers keep the shape;
/// otherwise the values are viewed as [group_size, count / group_size] and every column has its own.
void quantize_meta(MetaTensor& meta, int64_t group_size);

/// Number of scales or zeros the tensor stands for.
int64_t meta_count(const MetaTensor& meta);

/// Values as float32, reconstructed when quantized; out: [meta_count].
void meta_to_f32(const MetaTensor& meta, float* out);

/// Rounds scale and zero to the compute dtype they will be stored in (f32, f16 or bf16). Quantized ones are left alone.
void cast_meta(QuantizedTensor& tensor, DType dtype);

}  // namespace hqq
