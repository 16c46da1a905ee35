// The mean |w - w'| of the whole matrix, rounded exactly as the reference does: it decides when the solver stops.
#pragma once

#include "cuda/solve.cuh"

namespace hqq::cuda {

/// Bytes of device memory that mean_error_in_reference_order() works in.
int64_t mean_error_scratch_bytes(int64_t elements);

/// Float32 mean of |w - (q - zero) / s| with the order of additions of quant/mean_error.h, one value at `mean`
/// (device). For the rare steps where that rounding decides. Asynchronous.
void mean_error_in_reference_order(const GroupedWeights& weights, float max_value, const float* inverse_scale,
                                   const float* zero, void* scratch, float* mean, cudaStream_t stream);

}  // namespace hqq::cuda
