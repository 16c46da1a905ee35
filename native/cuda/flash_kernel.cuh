// A block holds 64 queries of one head, a warp 16 of them. Keys and values come in tiles of 64 positions, two in flight.
// Rows in shared memory are 16 bytes longer than they need be: eight neighbouring rows then lie in different banks.
#pragma once

#include "cuda/attention_kernel.cuh"
#include "cuda/flash.cuh"

namespace hqq::cuda {

constexpr int kFlashQueries = 64, kFlashKeys = 64, kFlashThreads = 128;

constexpr int flash_shared(int dim) { return (kFlashQueries + 4 * kFlashKeys) * (dim * 2 + 16); }

template <int dim>
__device__ inline void fetch_rows(uint32_t to, const __half* from, int first, int end) {
  constexpr int pieces = dim / 8, stride = dim * 2 + 16;
  for (int i = threadIdx.x; i < kFlashKeys * pieces; i += kFlashThreads) {
    const int row = i / pieces, part = i % pieces;
    const bool inside = first + row < end;
    copy_async_16_or_zero(to + row * stride + part * 16,
                          from + static_cast<int64_t>(inside ? first + row : 0) * dim + part * 8, inside);
  }
}

template <int dim>
__global__ void __launch_bounds__(kFlashThreads) flash_kernel(const __grid_constant__ AttentionArgs a) {
  constexpr int stride = dim * 2 + 16, tile_bytes = kFlashKeys * stride, blocks = dim / 8;
  extern __shared__ __align__(128) unsigned char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  // Late queries see the most keys: they go first.
  const int first_query = static_cast<int>(gridDim.x - 1 - blockIdx.x) * kFlashQueries, head = blockIdx.y;
  const int kv_head = head / (a.heads / a.kv_heads);
  const uint32_t q_shared = shared_address(shared), kv_shared = q_shared + kFlashQueries * stride;
  wait_for_previous_kernel();
  const int64_t plane = static_cast<int64_t>(kv_head) * a.cache.capacity * dim;
  const __half* keys = static_cast<const __half*>(a.cache.keys) + plane;
  const __half* values = static_cast<const __half*>(a.cache.values) + plane;
  const int end = a.start + min(first_query + kFlashQueries, a.tokens), tiles = (end + kFlashKeys - 1) / kFlashKeys;
  const auto fetch = [&](int tile) {
    if (tile < tiles) {
      const uint32_t to = kv_shared + tile % 2 * 2 * tile_bytes;
      fetch_rows<dim>(to, keys, tile * kFlashKeys, end);
      fetch_rows<dim>(to + tile_bytes, values, tile * kFlashKeys, end);
    }
    commit_copies();
  };
  fetch(0);
  for (int i = threadIdx.x; i < kFlashQueries * dim / 2; i += kFlashThreads) {
    const int row = i / (dim / 2), d = i % (dim / 2) * 2, token = first_query + row;
    uint32_t pair = 0;
    if (token < a.tokens) {
      const float2 v =
          *reinterpret_cast<const float2*>(a.qkv + token * a.qkv_stride + static_cast<int64_t>(head) * dim + d);
      pair = pack_half2(v.x, v.y);
    }
    *reinterpret_cast<uint32_t*>(shared + row * stride + d * 2) = pair;
  }

  const float scale = 1.4426950408889634f / sqrtf(static_cast<float>(dim));
  float out[blocks][4] = {}, top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
  const int first_position = a.start + first_query + warp * 16 + lane / 4;  // of this lane's rows: it and 8 on
  for (int tile = 0; tile < tiles; ++tile) {
    fetch(tile + 1);
    wait_for_copies<1>();
    __syncthreads();
    const uint32_t k_tile = kv_shared + tile % 2 * 2 * tile_bytes, v_tile = k_tile + tile_bytes;
    float score[kFlashKeys / 8][4] = {};
#pragma unroll
    for (int k = 0; k < dim / 16; ++k) {
      uint32_t q[4];
      load_matrix_4(q, q_shared + (warp * 16 + lane % 16) * stride + (k * 16 + lane / 16 * 8) * 2);
#pragma unroll
      for (int n = 0; n < kFlashKeys / 16; ++n) {
        uint32_t b[4];
        load_matrix_4(b, k_tile + (n * 16 + lane % 8 + lane / 16 * 8) * stride + (k * 16 + lane / 8 % 2 * 8) * 2);
        mma_16816(score[2 * n], q, b[0], b[1]);
        mma_16816(score[2 * n + 1], q, b[2], b[3]);
      }
    }
    const int first_key = tile * kFlashKeys + lane % 4 * 2;
    const bool masked = tile * kFlashKeys + kFlashKeys > a.start + first_query + warp * 16;
    float highest[2] = {top[0], top[1]};
#pragma unroll
    for (int n = 0; n < kFlashKeys / 8; ++n)
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        score[n][j] *= scale;
        if (masked && first_key + n * 8 + j % 2 > first_position + j / 2 * 8) score[n][j] = -INFINITY;
        highest[j / 2] = fmaxf(highest[j / 2], score[n][j]);
      }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      highest[half] = fmaxf(highest[half], __shfl_xor_sync(0xffffffffu, highest[half], 1));
      highest[half] = fmaxf(highest[half], __shfl_xor_sync(0xffffffffu, highest[half], 2));
      // Every query sees position 0 in the first tile, so a maximum is never -infinity.
      const float correction = exp2f(top[half] - highest[half]);
      top[half] = highest[half];
      sum[half] *= correction;
#pragma unroll
      for (int n = 0; n < blocks; ++n) {
        out[n][2 * half] *= correction;
        out[n][2 * half + 1] *= correction;
      }
    }
#pragma unroll
    for (int n = 0; n < kFlashKeys / 8; ++n)
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        score[n][j] = exp2f(score[n][j] - top[j / 2]);
        sum[j / 2] += score[n][j];
      }
#pragma unroll
    for (int k = 0; k < kFlashKeys / 16; ++k) {
      const uint32_t p[4] = {pack_half2(score[2 * k][0], score[2 * k][1]), pack_half2(score[2 * k][2], score[2 * k][3]),
                             pack_half2(score[2 * k + 1][0], score[2 * k + 1][1]),
                             pack_half2(score[2 * k + 1][2], score[2 * k + 1][3])};
#pragma unroll
      for (int n = 0; n < dim / 16; ++n) {
        uint32_t b[4];
        load_matrix_4_transposed(b, v_tile + (k * 16 + lane % 16) * stride + (n * 16 + lane / 16 * 8) * 2);
        mma_16816(out[2 * n], p, b[0], b[1]);
        mma_16816(out[2 * n + 1], p, b[2], b[3]);
      }
    }
    __syncthreads();
  }
  wait_for_copies<0>();

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 1);
    sum[half] += __shfl_xor_sync(0xffffffffu, sum[half], 2);
    const int token = first_query + warp * 16 + lane / 4 + half * 8;
    if (token >= a.tokens) continue;
    const float factor = 1.0f / sum[half];
    const int64_t at = (static_cast<int64_t>(token) * a.heads + head) * dim + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < blocks; ++n) {
      store_out(a, at + n * 8, out[n][2 * half] * factor);
      store_out(a, at + n * 8 + 1, out[n][2 * half + 1] * factor);
    }
  }
}

}  // namespace hqq::cuda
