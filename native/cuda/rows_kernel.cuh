#pragma once

#include <cuda_bf16.h>

#include "cuda/ptx.cuh"
#include "cuda/rows.cuh"

namespace hqq::cuda {

/// One block per token; a thread reads pairs of columns, which lie together in the layout.
__global__ void embed_kernel(TiledView table, const int* ids, float* hidden) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int row = ids[blockIdx.x], i = row % kTileRows;
  const uint8_t* tile_row = table.quants + static_cast<int64_t>(row / kTileRows) * table.units * unit_bytes(kDenseBits);
  float* out = hidden + static_cast<int64_t>(blockIdx.x) * table.cols;
  for (int k = static_cast<int>(threadIdx.x) * 2; k < table.cols; k += static_cast<int>(blockDim.x) * 2) {
    const int operand = k % 64 / 16, half = k % 16 / 8, lane = i % 8 * 4 + k % 8 / 2, reg = half * 2 + i / 8;
    const uint32_t pair = *reinterpret_cast<const uint32_t*>(
        tile_row + static_cast<int64_t>(k / 64) * unit_bytes(kDenseBits) + operand * 512 + lane * 16 + reg * 4);
    const float2 v = __half22float2(*reinterpret_cast<const __half2*>(&pair));
    out[k] = v.x;
    if (k + 1 < table.cols) out[k + 1] = v.y;
  }
}

__global__ void gate_kernel(const float* gate_values, const float* up, int64_t n, void* out, bool out_float) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float value = gate_values[i] / (1.0f + __expf(-gate_values[i])) * up[i];
  if (out_float) static_cast<float*>(out)[i] = value;
  else static_cast<__half*>(out)[i] = __float2half_rn(value);
}

template <typename T>
__device__ inline T to_16_bits(float v);
template <>
__device__ inline __half to_16_bits<__half>(float v) {
  return __float2half_rn(v);
}
template <>
__device__ inline __nv_bfloat16 to_16_bits<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}

/// One block of 256 threads per row.
template <typename T>
__global__ void rms_norm_kernel(const float* x, const float* weight, float epsilon, int cols, T* y) {
  __shared__ float warps[8];
  let_next_kernel_start();
  wait_for_previous_kernel();
  const float* row = x + static_cast<int64_t>(blockIdx.x) * cols;
  float square = 0;
  for (int i = threadIdx.x; i < cols; i += 256) square = fmaf(row[i], row[i], square);
  square = warp_sum(square);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = square;
  __syncthreads();
  square = 0;
  for (int w = 0; w < 8; ++w) square += warps[w];
  const float factor = rsqrtf(square / static_cast<float>(cols) + epsilon);
  T* out = y + static_cast<int64_t>(blockIdx.x) * cols;
  for (int i = threadIdx.x; i < cols; i += 256) out[i] = to_16_bits<T>(row[i] * factor * weight[i]);
}

template <typename T>
__global__ void narrow_kernel(const float* x, int64_t n, T* y) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) y[i] = to_16_bits<T>(x[i]);
}

}  // namespace hqq::cuda
