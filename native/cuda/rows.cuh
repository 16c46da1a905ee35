// Small operations on rows of activations: embedding look-up, gating, norm, rounding.
#pragma once

#include "cuda/launch.cuh"
#include "cuda/tile_layout.h"

namespace hqq::cuda {

/// hidden[t] = row ids[t] of a float16 matrix in the runtime layout; ids on the device.
void embed(const TiledView& table, const int* ids, int tokens, float* hidden, const Target& target);

/// out = silu(gate) * up, float16 or float32; n values.
void gate(const float* gate_values, const float* up, int64_t n, void* out, bool out_float, const Target& target);

/// 16-bit y = x / sqrt(mean(x^2) + eps) * weight, one row per token.
void rms_norm(const float* x, const float* weight, float epsilon, int tokens, int cols, void* y, bool bf16,
              const Target& target);

/// 16-bit copy of n float32 values.
void narrow(const float* x, int64_t n, void* y, bool bf16, const Target& target);

}  // namespace hqq::cuda
