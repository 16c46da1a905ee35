// One block per row: every thread strides over it, then the threads' results are combined in a tree.
#pragma once

#include "cuda/reduce.cuh"

namespace hqq::cuda {

constexpr int kReduceThreads = 256;

struct Add {
  static constexpr double kStart = 0;
  static __device__ __forceinline__ double of(double a, double b) { return a + b; }
};
/// For values that are not negative.
struct Largest {
  static constexpr double kStart = 0;
  static __device__ __forceinline__ double of(double a, double b) { return a > b ? a : b; }
};

template <typename Combine>
__global__ void __launch_bounds__(kReduceThreads) reduce_rows(const float* values, int64_t count, double* out) {
  __shared__ double parts[kReduceThreads];
  const float* row = values + static_cast<int64_t>(blockIdx.x) * count;
  double part = Combine::kStart;
  for (int64_t i = threadIdx.x; i < count; i += kReduceThreads) part = Combine::of(part, static_cast<double>(row[i]));
  parts[threadIdx.x] = part;
  for (unsigned width = kReduceThreads / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) parts[threadIdx.x] = Combine::of(parts[threadIdx.x], parts[threadIdx.x + width]);
  }
  if (threadIdx.x == 0) out[blockIdx.x] = parts[0];
}

}  // namespace hqq::cuda
