// The weights of one matrix on the device as the quantizer's kernels see them: groups instead of rows and columns.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "core/dtype.h"

namespace hqq::cuda {

/// The grouped view of quant/grouping.h: a flat row-major buffer read as [rows, cols]. Contiguous groups are stretches
/// of memory (rows of the view, or all of it), the others columns of the view.
struct GroupedWeights {
  const void* data = nullptr;  // device memory, 16-byte aligned
  DType type = DType::f16;     // f32, f16 or bf16
  int64_t rows = 0, cols = 0;
  int64_t groups = 0, group_size = 0;
  bool contiguous = true;

  int64_t numel() const { return rows * cols; }
};

#ifdef __CUDACC__

/// How each weight type is read: `Raw` in memory, float32 in registers.
struct F32Weight {
  using Raw = float;
  static __device__ __forceinline__ float to_f32(Raw raw) { return raw; }
};
struct F16Weight {
  using Raw = uint16_t;
  static __device__ __forceinline__ float to_f32(Raw raw) { return __half2float(__ushort_as_half(raw)); }
};
struct Bf16Weight {
  using Raw = uint16_t;
  static __device__ __forceinline__ float to_f32(Raw raw) { return __uint_as_float(static_cast<uint32_t>(raw) << 16); }
};

template <typename Weight>
__device__ __forceinline__ float weight_at(const void* data, int64_t element) {
  return Weight::to_f32(static_cast<const typename Weight::Raw*>(data)[element]);
}

/// kCount neighbouring weights in one access; `element` is a multiple of kCount.
template <typename Weight, int kCount>
__device__ __forceinline__ void weights_at(const void* data, int64_t element, float (&out)[kCount]) {
  struct alignas(sizeof(typename Weight::Raw) * kCount) Pack {
    typename Weight::Raw raw[kCount];
  };
  const Pack pack = *reinterpret_cast<const Pack*>(static_cast<const typename Weight::Raw*>(data) + element);
#pragma unroll
  for (int i = 0; i < kCount; ++i) out[i] = Weight::to_f32(pack.raw[i]);
}

#endif  // __CUDACC__

}  // namespace hqq::cuda
