// Better scales and zeros at the same bytes: every group's map is fitted to its weights (quant/group_fit.h), starting from several
// clipped ranges and from the half-quadratic solution, which it therefore never falls behind.
#pragma once

#include "quant/finish.h"
#include "quant/quantize.h"

namespace hqq {

/// Minimises sum h (w - w')^2 of every group. `column_weights` is h of each input column, f32[in], >= 0 (the mean square of what
/// that column is multiplied with); null: all columns count alike. Per-tensor grouping has one map for everything and is not
/// fitted. Throws EngineError as quantize().
GroupMaps solve_refined(const TensorView& weight, const QuantConfig& config, const Grouping& view, const float* column_weights,
                        Reporter& reporter);

/// Column weights with a floor, so that no group is without any; f32[columns].
Buffer floored_weights(const float* column_weights, int64_t columns);

/// solve_refined() and the integers. `stats` and `reporter` may be null.
QuantizedTensor quantize_refined(const TensorView& weight, const QuantConfig& config, PackFormat format,
                                 const float* column_weights, QuantStats* stats, Reporter* reporter);

}  // namespace hqq
