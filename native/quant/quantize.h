// HQQ quantization of one weight matrix: half-quadratic optimization of the zero points at a fixed scale (Badri & Shaji, 2023),
// or plain round-to-nearest. Bit-compatible with the reference implementation on a CPU in float32, for any thread count and
// SIMD level. quant/reference.h is the same computation written for reading.
#pragma once

#include <cstdint>

#include "core/job.h"
#include "core/tensor.h"
#include "quant/bitpack.h"
#include "quant/finish.h"
#include "quant/grouping.h"
#include "quant/types.h"

namespace hqq {

/// Quantizes `weight` ([out, in], f32, f16 or bf16), computing in float32; scale and zero come out as float32 (see cast_meta).
/// `stats` and `reporter` may be null; the reporter is asked for cancellation from the calling thread, a few times per 0.1 s.
/// Throws EngineError: bad_input (config does not fit the shape, or rows do not fit PackFormat::interchange), bad_weights
/// (NaN, infinity or |w| > 1.7e38, saying where), cancelled, out_of_memory.
QuantizedTensor quantize(const TensorView& weight, const QuantConfig& config, PackFormat format = PackFormat::interchange,
                         QuantStats* stats = nullptr, Reporter* reporter = nullptr);

/// The first half of quantize(): the maps of all groups. `view` is resolve_grouping() of the same config and shape.
GroupMaps solve_half_quadratic(const TensorView& weight, const QuantConfig& config, const Grouping& view, Reporter& reporter);

/// Bytes that quantizing a matrix takes beside the weight itself.
struct QuantizeMemory {
  int64_t result = 0;   // packed values, scales and zeros (float32)
  int64_t scratch = 0;  // mostly the zero history; freed before quantize() returns
};
QuantizeMemory quantize_memory(const Shape& shape, const QuantConfig& config, PackFormat format = PackFormat::interchange);

}  // namespace hqq
