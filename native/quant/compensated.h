// Column by column with error feedback: what rounding one column does to a row's output is taken back as far as the later columns
// can (Frantar et al. 2022, arXiv 2210.17323), with each group's map fitted to the weights as they then are. Columns stay in order.
// Two things go beyond that: the fit weighs a column's error by what of it cannot be taken back, not by the size of its input, and
// afterwards the whole row descends to a local minimum (quant/descent.h).
#pragma once

#include "quant/finish.h"
#include "quant/input_moments.h"

namespace hqq {

/// The weights that rounding by `maps` turns into the integers found, f32[out, in].
struct CompensatedWeights {
  Buffer values;
  GroupMaps maps;
};

/// Whether groups are runs of whole columns inside a row, which error feedback needs: axis 1, group_size divides the columns.
bool can_compensate(const Grouping& view, const Shape& shape);

/// `moments.full` is damped by a share of its mean diagonal. The result does not depend on the number of threads. Throws EngineError as
/// quantize(); {bad_input} when can_compensate() is false.
CompensatedWeights solve_compensated(const TensorView& weight, const QuantConfig& config, const Grouping& view,
                                     const InputMoments& moments, Reporter& reporter);

/// solve_compensated() and the integers; errors are measured against `weight`. `stats` and `reporter` may be null.
QuantizedTensor quantize_compensated(const TensorView& weight, const QuantConfig& config, PackFormat format,
                                     const InputMoments& moments, QuantStats* stats, Reporter* reporter);

/// U, upper triangular and row-major f32[n, n], with H^-1 = U^T U for H = `full` (lower triangle given) + `damping` on its diagonal.
/// Throws EngineError{internal} when H is not positive definite.
Buffer inverse_cholesky(const float* full, int64_t n, double damping, const Reporter& reporter);

}  // namespace hqq
