// One value a thread: these arrays are a few percent of the weights.
#pragma once

#include <cuda_bf16.h>

#include "cuda/metadata.cuh"

namespace hqq::cuda {

constexpr int kMetadataThreads = 256;

__device__ __forceinline__ int64_t metadata_index() {
  return static_cast<int64_t>(blockIdx.x) * kMetadataThreads + threadIdx.x;
}

__global__ void __launch_bounds__(kMetadataThreads) reciprocals_kernel(const float* in, int64_t count, float* out) {
  const int64_t i = metadata_index();
  if (i < count) out[i] = __fdiv_rn(1.0f, in[i]);
}

__global__ void __launch_bounds__(kMetadataThreads)
    round_to_kernel(DType type, const float* in, int64_t count, void* out) {
  const int64_t i = metadata_index();
  if (i >= count) return;
  if (type == DType::f32) static_cast<float*>(out)[i] = in[i];
  if (type == DType::f16) static_cast<__half*>(out)[i] = __float2half_rn(in[i]);
  if (type == DType::bf16) static_cast<__nv_bfloat16*>(out)[i] = __float2bfloat16_rn(in[i]);
}

__global__ void __launch_bounds__(kMetadataThreads)
    dequantize_bytes_kernel(const uint8_t* q, const float* scale, const float* zero, int64_t groups, int64_t count,
                            float* out) {
  const int64_t i = metadata_index();
  if (i < count) out[i] = __fmul_rn(__fsub_rn(static_cast<float>(q[i]), zero[i % groups]), scale[i % groups]);
}

}  // namespace hqq::cuda
