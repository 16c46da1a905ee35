#pragma once

#include "cuda/attention.cuh"
#include "cuda/ptx.cuh"

namespace hqq::cuda {

constexpr int kAttentionWarps = 8;
constexpr int kAttentionThreads = kAttentionWarps * 32;
/// Positions of one block at least: shorter contexts are not worth a join.
constexpr int kMinSpan = 64;

__host__ __device__ inline int split_span(int visible, int splits) {
  const int even = (visible + splits - 1) / splits;
  return even < kMinSpan ? kMinSpan : (even + 15) / 16 * 16;
}

/// Value `i` of a head after rotation.
__device__ inline float rotated(const float* head, const float* cos, const float* sin, int half, int i) {
  if (i < half) return head[i] * cos[i] - head[i + half] * sin[i];
  if (i < 2 * half) return head[i] * cos[i - half] + head[i - half] * sin[i - half];
  return head[i];
}

template <typename T>
struct Vector;  // eight values of a cache row
template <>
struct Vector<__half> {
  uint4 raw;
  __device__ static Vector load(const __half* p) { return {*reinterpret_cast<const uint4*>(p)}; }
  __device__ void expand(float (&v)[8]) const {
    const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      v[2 * i] = pair.x;
      v[2 * i + 1] = pair.y;
    }
  }
};
template <>
struct Vector<float> {
  float4 a, b;
  __device__ static Vector load(const float* p) {
    return {*reinterpret_cast<const float4*>(p), *reinterpret_cast<const float4*>(p + 4)};
  }
  __device__ void expand(float (&v)[8]) const {
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  }
};

template <typename T>
__device__ inline T to_cache(float v);
template <>
__device__ inline __half to_cache<__half>(float v) {
  return __float2half_rn(v);
}
template <>
__device__ inline float to_cache<float>(float v) {
  return v;
}

__device__ inline void store_out(const AttentionArgs& a, int64_t at, float v) {
  if (a.out_float) static_cast<float*>(a.out)[at] = v;
  else static_cast<__half*>(a.out)[at] = __float2half_rn(v);
}

/// Running softmax of one query: maximum (base 2), sum, weighted values.
template <int values>
struct Softmax {
  float max = -INFINITY, sum = 0, acc[values] = {};

  __device__ void merge(float other_max, float other_sum, const float (&other)[values]) {
    const float top = fmaxf(max, other_max);
    if (top == -INFINITY) return;
    const float mine = exp2f(max - top), theirs = exp2f(other_max - top);
    sum = sum * mine + other_sum * theirs;
    for (int i = 0; i < values; ++i) acc[i] = acc[i] * mine + other[i] * theirs;
    max = top;
  }
};

/// lanes x 8 x vectors values of a head at most; `group` queries of one key/value head at a time.
template <typename T, int lanes, int vectors, int group, bool fused>
__global__ void __launch_bounds__(kAttentionThreads) attention_kernel(const __grid_constant__ AttentionArgs a) {
  constexpr int slots = 32 / lanes, width = lanes * 8 * vectors, per_lane = 8 * vectors;
  constexpr int unroll = sizeof(T) == 2 && vectors == 1 ? 4 : 1;
  __shared__ float q_shared[group][width];
  __shared__ float parts[kAttentionWarps][group][width];
  __shared__ float maxima[kAttentionWarps][group], sums[kAttentionWarps][group];
  __shared__ int is_last;
  const int kv_head = static_cast<int>(blockIdx.x) % a.kv_heads, chunk = static_cast<int>(blockIdx.x) / a.kv_heads;
  const int split = blockIdx.y, token = blockIdx.z;
  const int per_kv = a.heads / a.kv_heads, first_head = kv_head * per_kv + chunk * group;
  const int heads = min(group, per_kv - chunk * group), dim = a.head_dim;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, slot = lane / lanes, part = lane % lanes;

  let_next_kernel_start();
  wait_for_previous_kernel();
  const int position = (a.position ? *a.position : a.start) + token, visible = position + 1;
  const int span = split_span(visible, static_cast<int>(gridDim.y));
  const int begin = split * span, end = min(visible, begin + span);
  if (begin >= visible) return;
  const int64_t plane = static_cast<int64_t>(kv_head) * a.cache.capacity * a.cache.dim;
  T* keys = static_cast<T*>(a.cache.keys) + plane;
  T* values = static_cast<T*>(a.cache.values) + plane;

  const float* row = a.qkv + token * a.qkv_stride;
  const float* cos = a.cos + static_cast<int64_t>(position) * a.half_rotary;
  const float* sin = a.sin + static_cast<int64_t>(position) * a.half_rotary;
  // Scores are kept in base 2.
  const float scale = 1.4426950408889634f / sqrtf(static_cast<float>(dim));
  for (int i = threadIdx.x; i < group * width; i += kAttentionThreads) {
    const int h = i / width, d = i % width;
    float v = 0;
    if (h < heads && d < dim) {
      const float* head = row + static_cast<int64_t>(first_head + h) * dim;
      v = (fused ? rotated(head, cos, sin, a.half_rotary, d) : head[d]) * scale;
    }
    q_shared[h][d] = v;
  }
  if (fused && end == visible) {
    const float* k = row + static_cast<int64_t>(a.heads + kv_head) * dim;
    const float* v = row + static_cast<int64_t>(a.heads + a.kv_heads + kv_head) * dim;
    for (int d = threadIdx.x; d < a.cache.dim; d += kAttentionThreads) {
      const int64_t at = static_cast<int64_t>(position) * a.cache.dim + d;
      keys[at] = to_cache<T>(d < dim ? rotated(k, cos, sin, a.half_rotary, d) : 0.0f);
      values[at] = to_cache<T>(d < dim ? v[d] : 0.0f);
    }
  }
  __syncthreads();

  float q[group][per_lane];
#pragma unroll
  for (int h = 0; h < group; ++h)
#pragma unroll
    for (int i = 0; i < per_lane; ++i) q[h][i] = q_shared[h][i / 8 * lanes * 8 + part * 8 + i % 8];
  Softmax<per_lane> state[group];

  const int stride = kAttentionWarps * slots;
  for (int base = begin + warp * slots; base < end; base += stride * unroll) {
    Vector<T> k[unroll][vectors], v[unroll][vectors];
    float score[unroll][group];
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
      const int p = base + u * stride + slot;
#pragma unroll
      for (int w = 0; w < vectors; ++w) {
        const int d = (w * lanes + part) * 8;
        k[u][w] = v[u][w] = Vector<T>{};
        if (p < end && d < a.cache.dim) {
          k[u][w] = Vector<T>::load(keys + static_cast<int64_t>(p) * a.cache.dim + d);
          v[u][w] = Vector<T>::load(values + static_cast<int64_t>(p) * a.cache.dim + d);
        }
      }
    }
#pragma unroll
    for (int u = 0; u < unroll; ++u) {
#pragma unroll
      for (int h = 0; h < group; ++h) score[u][h] = 0;
#pragma unroll
      for (int w = 0; w < vectors; ++w) {
        float x[8];
        k[u][w].expand(x);
#pragma unroll
        for (int h = 0; h < group; ++h)
#pragma unroll
          for (int i = 0; i < 8; ++i) score[u][h] = fmaf(q[h][w * 8 + i], x[i], score[u][h]);
      }
      const bool inside = base + u * stride + slot < end;
#pragma unroll
      for (int h = 0; h < group; ++h) {
#pragma unroll
        for (int d = lanes / 2; d > 0; d >>= 1) score[u][h] += __shfl_xor_sync(0xffffffffu, score[u][h], d);
        if (!inside) score[u][h] = -INFINITY;
      }
    }
#pragma unroll
    for (int h = 0; h < group; ++h) {
      float top = state[h].max;
#pragma unroll
      for (int u = 0; u < unroll; ++u) top = fmaxf(top, score[u][h]);
      // A slot may have met no position yet.
      const float correction = top == -INFINITY ? 1.0f : exp2f(state[h].max - top);
      state[h].max = top;
      state[h].sum *= correction;
#pragma unroll
      for (int i = 0; i < per_lane; ++i) state[h].acc[i] *= correction;
#pragma unroll
      for (int u = 0; u < unroll; ++u) {
        score[u][h] = top == -INFINITY ? 0.0f : exp2f(score[u][h] - top);
        state[h].sum += score[u][h];
      }
    }
#pragma unroll
    for (int u = 0; u < unroll; ++u)
#pragma unroll
      for (int w = 0; w < vectors; ++w) {
        float x[8];
        v[u][w].expand(x);
#pragma unroll
        for (int h = 0; h < group; ++h)
#pragma unroll
          for (int i = 0; i < 8; ++i) state[h].acc[w * 8 + i] = fmaf(score[u][h], x[i], state[h].acc[w * 8 + i]);
      }
  }

#pragma unroll
  for (int h = 0; h < group; ++h) {
#pragma unroll
    for (int d = lanes; d < 32; d <<= 1) {
      float other[per_lane];
      const float other_max = __shfl_xor_sync(0xffffffffu, state[h].max, d);
      const float other_sum = __shfl_xor_sync(0xffffffffu, state[h].sum, d);
#pragma unroll
      for (int i = 0; i < per_lane; ++i) other[i] = __shfl_xor_sync(0xffffffffu, state[h].acc[i], d);
      state[h].merge(other_max, other_sum, other);
    }
    if (slot == 0) {
#pragma unroll
      for (int i = 0; i < per_lane; ++i) parts[warp][h][i / 8 * lanes * 8 + part * 8 + i % 8] = state[h].acc[i];
      if (part == 0) {
        maxima[warp][h] = state[h].max;
        sums[warp][h] = state[h].sum;
      }
    }
  }
  __syncthreads();

  // Joins the warps; then, where the context is split, the blocks.
  const int active = (visible + span - 1) / span, splits = gridDim.y;
  const int pair = chunk * a.kv_heads + kv_head;
  float* partial = a.partial + static_cast<int64_t>(pair) * splits * group * (width + 2);
  const int64_t out = static_cast<int64_t>(token) * a.heads * dim;
  for (int i = threadIdx.x; i < heads * width; i += kAttentionThreads) {
    const int h = i / width, d = i % width;
    float top = -INFINITY, sum = 0, value = 0;
    for (int w = 0; w < kAttentionWarps; ++w) top = fmaxf(top, maxima[w][h]);
    for (int w = 0; w < kAttentionWarps; ++w) {
      const float factor = exp2f(maxima[w][h] - top);
      sum += sums[w][h] * factor;
      value += parts[w][h][d] * factor;
    }
    if (active == 1) {
      if (d < dim) store_out(a, out + static_cast<int64_t>(first_head + h) * dim + d, value / sum);
      continue;
    }
    float* mine = partial + (static_cast<int64_t>(split) * group + h) * (width + 2);
    mine[d] = value;
    if (d == 0) {
      mine[width] = top;
      mine[width + 1] = sum;
    }
  }
  if (active == 1) return;
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    is_last = atomicAdd(a.arrivals + pair, 1) == active - 1;
    if (is_last) a.arrivals[pair] = 0;
  }
  __syncthreads();
  if (!is_last) return;
  __threadfence();
  for (int i = threadIdx.x; i < heads * width; i += kAttentionThreads) {
    const int h = i / width, d = i % width;
    if (d >= dim) continue;
    float top = -INFINITY, sum = 0, value = 0;
    for (int s = 0; s < active; ++s)
      top = fmaxf(top, __ldcg(partial + (static_cast<int64_t>(s) * group + h) * (width + 2) + width));
    for (int s = 0; s < active; ++s) {
      const float* other = partial + (static_cast<int64_t>(s) * group + h) * (width + 2);
      const float factor = exp2f(__ldcg(other + width) - top);
      sum += __ldcg(other + width + 1) * factor;
      value += __ldcg(other + d) * factor;
    }
    store_out(a, out + static_cast<int64_t>(first_head + h) * dim + d, value / sum);
  }
}

/// One block per token: its keys and values to the cache, then its queries rotated in place.
template <typename T>
__global__ void rotate_kernel(const __grid_constant__ AttentionArgs a, float* qkv) {
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int token = blockIdx.x, position = (a.position ? *a.position : a.start) + token, dim = a.head_dim;
  float* row = qkv + token * a.qkv_stride;
  const float* cos = a.cos + static_cast<int64_t>(position) * a.half_rotary;
  const float* sin = a.sin + static_cast<int64_t>(position) * a.half_rotary;
  T* keys = static_cast<T*>(a.cache.keys);
  T* values = static_cast<T*>(a.cache.values);
  for (int i = threadIdx.x; i < a.kv_heads * a.cache.dim; i += blockDim.x) {
    const int head = i / a.cache.dim, d = i % a.cache.dim;
    const float* k = row + static_cast<int64_t>(a.heads + head) * dim;
    const float* v = row + static_cast<int64_t>(a.heads + a.kv_heads + head) * dim;
    const int64_t at = (static_cast<int64_t>(head) * a.cache.capacity + position) * a.cache.dim + d;
    keys[at] = to_cache<T>(d < dim ? rotated(k, cos, sin, a.half_rotary, d) : 0.0f);
    values[at] = to_cache<T>(d < dim ? v[d] : 0.0f);
  }
  for (int i = threadIdx.x; i < a.heads * a.half_rotary; i += blockDim.x) {
    float* head = row + static_cast<int64_t>(i / a.half_rotary) * dim;
    const int d = i % a.half_rotary;
    const float x = head[d], y = head[d + a.half_rotary];
    head[d] = x * cos[d] - y * sin[d];
    head[d + a.half_rotary] = y * cos[d] + x * sin[d];
  }
}

}  // namespace hqq::cuda
