// 128 tokens x 128 rows a block, eight warps of 64 x 32, three stages of 64 columns in shared memory (128-byte rows, the
// 16-byte pieces of a row turned by its number so that eight rows lie in different banks).
#pragma once

#include <cuda_bf16.h>

#include "cuda/gemm.cuh"
#include "cuda/ptx.cuh"

namespace hqq::cuda {

constexpr int kGemmTokensTile = 128, kGemmRowsTile = 128, kGemmCols = 64, kGemmStages = 3, kGemmThreads = 256;
constexpr int kGemmTileBytes = 128 * kGemmCols * 2;
constexpr int kGemmShared = kGemmStages * 2 * kGemmTileBytes;

template <typename T>
__device__ inline void mma_typed(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (sizeof(T) == 2 && __is_same(T, __half)) {
    mma_16816(c, a, b0, b1);
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  }
}

/// 128 rows x 64 columns of a row-major matrix to one stage; zeros outside.
__device__ inline void fetch_tile(uint32_t to, const void* matrix, int64_t first_row, int64_t rows, int64_t k,
                                  int64_t cols) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int piece = static_cast<int>(threadIdx.x) + i * kGemmThreads, row = piece / 8, part = piece % 8;
    const bool inside = first_row + row < rows && k + part * 8 < cols;
    const char* from = static_cast<const char*>(matrix) + (inside ? ((first_row + row) * cols + k + part * 8) * 2 : 0);
    copy_async_16_or_zero(to + row * 128 + (part ^ (row & 7)) * 16, from, inside);
  }
}

/// Address of the 16-byte piece `part` of row `row` within a stage's tile.
__device__ inline uint32_t piece_address(uint32_t tile, int row, int part) {
  return tile + row * 128 + (part ^ (row & 7)) * 16;
}

template <typename T>
__device__ inline T narrow(float v);
template <>
__device__ inline __half narrow<__half>(float v) {
  return __float2half_rn(v);
}
template <>
__device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float v) {
  return __float2bfloat16_rn(v);
}

/// Results of one 8-wide block of rows: `c` holds (token g, rows 2c and 2c + 1), (token g + 8, the same).
template <typename T>
__device__ inline void store_block(const GemmArgs& a, int64_t token, int64_t row, const float (&c)[4],
                                   const float (&up)[4]) {
  for (int half = 0; half < 2; ++half) {
    const int64_t t = token + half * 8;
    if (t >= a.tokens) continue;
    for (int j = 0; j < 2; ++j) {
      const int64_t r = row + j;
      if (r >= a.rows) continue;
      float value = c[2 * half + j];
      if (a.bias) value += a.bias[r];
      if (a.mode == GemmOutput::silu) {
        const float other = up[2 * half + j] + (a.bias ? a.bias[r + 8] : 0.0f);
        const int64_t to = r / 16 * 8 + r % 8;
        if (to < a.out_rows)
          static_cast<T*>(a.out)[t * a.out_stride + to] = narrow<T>(value / (1.0f + __expf(-value)) * other);
      } else if (r < a.out_rows) {
        float* to = static_cast<float*>(a.out) + t * a.out_stride + r;
        *to = a.mode == GemmOutput::add ? *to + value : value;
      }
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kGemmThreads, 2) gemm_kernel(const __grid_constant__ GemmArgs a) {
  extern __shared__ __align__(128) unsigned char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_token = warp / 4 * 64, warp_row = warp % 4 * 32;
  const int64_t first_token = static_cast<int64_t>(blockIdx.x) * kGemmTokensTile;
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * kGemmRowsTile;
  const uint32_t base = shared_address(shared);
  const int steps = static_cast<int>((a.cols + kGemmCols - 1) / kGemmCols);
  wait_for_previous_kernel();
  const auto fetch = [&](int step) {
    if (step < steps) {
      const uint32_t stage = base + step % kGemmStages * 2 * kGemmTileBytes;
      fetch_tile(stage, a.x, first_token, a.tokens, int64_t{step} * kGemmCols, a.cols);
      fetch_tile(stage + kGemmTileBytes, a.w, first_row, a.rows, int64_t{step} * kGemmCols, a.cols);
    }
    commit_copies();
  };
  for (int i = 0; i < kGemmStages - 1; ++i) fetch(i);

  float c[4][4][4] = {};
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<kGemmStages - 2>();
    __syncthreads();
    fetch(step + kGemmStages - 1);
    const uint32_t x_tile = base + step % kGemmStages * 2 * kGemmTileBytes, w_tile = x_tile + kGemmTileBytes;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      uint32_t x[4][4], w[2][4];
#pragma unroll
      for (int m = 0; m < 4; ++m)
        load_matrix_4(x[m], piece_address(x_tile, warp_token + m * 16 + lane % 16, 2 * k + lane / 16));
#pragma unroll
      for (int n = 0; n < 2; ++n)
        load_matrix_4(w[n], piece_address(w_tile, warp_row + n * 16 + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2));
#pragma unroll
      for (int m = 0; m < 4; ++m)
#pragma unroll
        for (int n = 0; n < 4; ++n) mma_typed<T>(c[m][n], x[m], w[n / 2][n % 2 * 2], w[n / 2][n % 2 * 2 + 1]);
    }
  }
  wait_for_copies<0>();

  const bool gated = a.mode == GemmOutput::silu;
#pragma unroll
  for (int m = 0; m < 4; ++m)
#pragma unroll
    for (int n = 0; n < 4; ++n) {
      if (gated && n % 2 == 1) continue;
      store_block<T>(a, first_token + warp_token + m * 16 + lane / 4, first_row + warp_row + n * 8 + lane % 4 * 2,
                     c[m][n], c[m][n | 1]);
    }
}

}  // namespace hqq::cuda
