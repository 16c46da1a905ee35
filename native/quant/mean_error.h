// Mean |W - W'| rounded exactly as the reference rounds it, for the rare steps where that decides when to stop.
#pragma once

#include <functional>

#include "core/job.h"

namespace hqq {

/// Writes |w - w'| of the flat elements [begin, end) to out.
using AbsErrorRange = std::function<void(int64_t begin, int64_t end, float* out)>;

/// Float32 mean of `n` absolute errors in the order in which PyTorch sums a contiguous tensor on one thread (8-lane vectors,
/// four at a time, four-level cascade). Parallel; the result does not depend on threads or SIMD level.
float mean_error_in_reference_order(int64_t n, const AbsErrorRange& abs_errors, Reporter& reporter);

}  // namespace hqq
