// The last pass: integers from weights, scales and zeros, packed as they are made (layouts: quant/bitpack.h), and the
// error of what a reader will reconstruct.
#pragma once

#include "cuda/grouped_weights.cuh"
#include "quant/bitpack.h"

namespace hqq::cuda {

/// Affine maps, device memory, one entry per group. `scale` and `zero_stored` are what a reader will dequantize with;
/// they differ from 1 / inverse_scale and zero when the metadata is quantized itself.
struct StoredAffine {
  const float *inverse_scale = nullptr, *zero = nullptr, *scale = nullptr, *zero_stored = nullptr;
};

/// Totals over the matrix, in this order: |w - w'|, (w - w')^2, |w|, and the largest |w - w'|.
constexpr int kErrorTotals = 4;

/// Float32 values that pack() needs to add up errors: kErrorTotals rows of as many.
int64_t pack_error_slots(const GroupedWeights& weights, Packing packing);

/// Writes every byte of `packed`; errors: f32[kErrorTotals, slots] scratch; totals: f64[kErrorTotals]. Asynchronous.
void pack(const GroupedWeights& weights, Packing packing, float max_value, const StoredAffine& affine, void* packed,
          float* errors, double* totals, cudaStream_t stream);

}  // namespace hqq::cuda
