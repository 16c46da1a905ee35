// Half-quadratic quantization written for reading: one loop per formula, no tiles, no threads, no vectors. The fast path
// (quant/quantize.h) must give the same bits; tests compare the two.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/grouping.h"
#include "quant/types.h"

namespace hqq {

struct ReferenceResult {
  std::vector<uint8_t> q;            // grouped view, [rows, cols]
  std::vector<float> scale, zero;    // one per group; W' = (q - zero) * scale
  std::vector<float> errors;         // mean |W - W'| of each executed step, before its update
};

/// Quantizes float32 weights [out, in]. Throws EngineError{bad_input} as resolve_grouping does; expects finite weights.
ReferenceResult quantize_reference(const std::vector<float>& weight, const Shape& shape, const QuantConfig& config);

}  // namespace hqq
