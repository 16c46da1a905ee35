// Scales and zeros on their way out: reciprocals, rounding to the stored type, and what a reader makes of 8-bit ones.
#pragma once

#include "cuda/grouped_weights.cuh"

namespace hqq::cuda {

/// out[i] = 1 / in[i].
void reciprocals(const float* in, int64_t count, float* out, cudaStream_t stream);
/// Rounds to nearest, ties to even; out: DType[count].
void round_to(DType type, const float* in, int64_t count, void* out, cudaStream_t stream);
/// out[i] = (q[i] - zero[i % groups]) * scale[i % groups].
void dequantize_bytes(const uint8_t* q, const float* scale, const float* zero, int64_t groups, int64_t count,
                      float* out, cudaStream_t stream);

}  // namespace hqq::cuda
