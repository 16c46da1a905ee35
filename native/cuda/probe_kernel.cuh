#pragma once

#include <cstdint>

namespace hqq::cuda {

__host__ __device__ inline uint32_t probe_value(uint32_t i) { return i * 2654435761u ^ 0x5a5a5a5au; }

/// values: u32[n]
__global__ void probe_kernel(uint32_t* values, uint32_t n) {
  const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] = probe_value(i);
}

}  // namespace hqq::cuda
