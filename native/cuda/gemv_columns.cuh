// How a block of the vector kernel divides shared memory, and how the vectors get there: norm, rounding or splitting, and
// the sums of each group, in the order in which tensor cores take them.
#pragma once

#include "cuda/gemv.cuh"
#include "cuda/ptx.cuh"

namespace hqq::cuda {

/// Warps of a block: more of them would leave each too few registers to work on two tiles side by side (32 warps of 64
/// registers took 20 % longer for 11008 x 4096 at 4 bits on an H200).
constexpr int kGemvWarps = 16;
/// Activations beyond float16's range of 65504 keep their value in the split form.
constexpr float kSplitScale = 1.0f / 64, kSplitStep = 2048.0f;

/// Units in flight of one warp, one of them being computed. Several columns need the room for themselves.
constexpr int gemv_depth(int nbits, bool fine, bool one_column) {
  const int unit = unit_bytes(nbits), tiles = unit_cols(nbits) / kTileCols;
  const int meta = nbits == kDenseBits ? 0 : tiles * meta_entry_bytes(false) * (fine ? 4 : 1);
  const int depth = (one_column ? 11776 : 5888) / (unit + meta);
  return depth < 3 ? 3 : depth;
}

struct GemvShared {
  int x_stride;            // bytes of a column
  int sums, reduce, ring;  // offsets
  int meta_bytes, stage_bytes;
  int total;
};

constexpr int round_up_int(int n, int to) { return (n + to - 1) / to * to; }

__host__ __device__ inline GemvShared gemv_shared(const TiledView& w, int columns, int depth, int warps,
                                                  bool one_column) {
  GemvShared s{};
  const int unit = unit_cols(w.nbits), padded = w.units * unit, dense = w.nbits == kDenseBits;
  s.x_stride = padded * 2 + 16;
  s.sums = round_up_int(columns * s.x_stride, 128);
  const int sums = dense ? 0 : padded / w.segment * (one_column ? 1 : kGemvColumns) * 4;
  s.reduce = s.sums + round_up_int(sums, 128);
  const int reduce = 2 * warps * kTileRows * (one_column ? 1 : kGemvColumns) * 4;
  s.ring = s.reduce + round_up_int(reduce + 128, 128);
  s.meta_bytes = dense ? 0 : unit / w.segment * meta_entry_bytes(w.meta_float != 0);
  s.stage_bytes = unit_bytes(w.nbits) + s.meta_bytes;
  s.total = s.ring + warps * depth * s.stage_bytes;
  return s;
}

/// Eight consecutive values of a token.
__device__ inline void load_eight(const GemvInput& in, int token, int k, int cols, float (&v)[8]) {
  if (in.is_half) {
    const __half* x = static_cast<const __half*>(in.x) + token * in.stride + k;
    if (k + 8 <= cols && (in.stride & 7) == 0) {
      const uint4 raw = *reinterpret_cast<const uint4*>(x);
      const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
      for (int i = 0; i < 4; ++i) {
        const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
        v[2 * i] = pair.x;
        v[2 * i + 1] = pair.y;
      }
    } else {
      for (int i = 0; i < 8; ++i) v[i] = k + i < cols ? __half2float(x[i]) : 0.0f;
    }
  } else {
    const float* x = static_cast<const float*>(in.x) + token * in.stride + k;
    if (k + 8 <= cols && (in.stride & 3) == 0) {
      const float4 a = *reinterpret_cast<const float4*>(x), b = *reinterpret_cast<const float4*>(x + 4);
      v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
    } else {
      for (int i = 0; i < 8; ++i) v[i] = k + i < cols ? x[i] : 0.0f;
    }
  }
}

/// Stores eight values of a column in the order of B operands and their sum for its segment. All lanes take part; lanes
/// of one segment are neighbours.
template <int columns_of_sums>
__device__ inline void store_eight(unsigned char* x, const GemvShared& s, const GemvArgs& a, int column, int k,
                                   bool inside, const float (&v)[8]) {
  float sum = 0;
  if (inside) {
    // Tile k / 64, operand (k % 64) / 16, half (k % 16) / 8; a lane's 16 values of a tile lie together.
    unsigned char* to = x + column * s.x_stride + k / 64 * 128 + k % 64 / 8 * 4;
    for (int i = 0; i < 4; ++i) {
      const uint32_t packed = pack_half2(v[2 * i], v[2 * i + 1]);
      *reinterpret_cast<uint32_t*>(to + i * 32) = packed;
      const float2 rounded = __half22float2(*reinterpret_cast<const __half2*>(&packed));
      sum += rounded.x + rounded.y;
    }
  }
  if (a.w.nbits == kDenseBits) return;
  const int lanes = a.w.segment / 8;
  for (int d = 1; d < lanes; d <<= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
  if (inside && k % a.w.segment == 0)
    *reinterpret_cast<float*>(x + s.sums + (k / a.w.segment * columns_of_sums + column) * 4) = sum;
}

/// Rounds or splits eight values of a token and stores them.
template <int columns_of_sums>
__device__ inline void store_token(unsigned char* shared, const GemvShared& s, const GemvArgs& a, int token, int k,
                                   bool inside, const float (&v)[8]) {
  if (!a.in.split) return store_eight<columns_of_sums>(shared, s, a, token, k, inside, v);
  float high[8], low[8];
  for (int i = 0; i < 8; ++i) {
    const float scaled = v[i] * kSplitScale;
    high[i] = __half2float(__float2half_rn(scaled));
    low[i] = (scaled - high[i]) * kSplitStep;
  }
  store_eight<columns_of_sums>(shared, s, a, 2 * token, k, inside, high);
  store_eight<columns_of_sums>(shared, s, a, 2 * token + 1, k, inside, low);
}

/// Sum over the block. `partial` holds a number per warp.
__device__ inline float block_sum(float v, float* partial) {
  v = warp_sum(v);
  const int lane = threadIdx.x % 32;
  __syncthreads();
  if (lane == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  return warp_sum(lane * 32 < static_cast<int>(blockDim.x) ? partial[lane] : 0.0f);
}

__device__ inline void load_norm(const GemvInput& in, int k, int cols, float (&v)[8]) {
  if (k + 8 <= cols) {
    const float4 low = *reinterpret_cast<const float4*>(in.norm + k),
                 high = *reinterpret_cast<const float4*>(in.norm + k + 4);
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  } else {
    for (int i = 0; i < 8; ++i) v[i] = k + i < cols ? in.norm[k + i] : 0.0f;
  }
}

/// Waits for the kernels in front, then brings all columns to shared memory: norm, rounding, splitting, sums. Values of a
/// thread's first eight columns stay in registers between the norm's two passes.
template <int columns_of_sums>
__device__ inline void load_columns(unsigned char* shared, const GemvShared& s, const GemvArgs& a) {
  const int padded = a.w.units * unit_cols(a.w.nbits), cols = a.w.cols;
  const int mine = static_cast<int>(threadIdx.x) * 8, turn = static_cast<int>(blockDim.x) * 8;
  float weight[8] = {};
  if (a.in.norm && mine < cols) load_norm(a.in, mine, cols, weight);
  wait_for_previous_kernel();
  for (int token = 0; token < a.in.tokens; ++token) {
    float v[8] = {};
    if (mine < cols) load_eight(a.in, token, mine, cols, v);
    float factor = 1.0f;
    if (a.in.norm) {
      float square = 0;
      for (int i = 0; i < 8; ++i) square = fmaf(v[i], v[i], square);
      for (int k = mine + turn; k < cols; k += turn) {
        float more[8];
        load_eight(a.in, token, k, cols, more);
        for (int i = 0; i < 8; ++i) square = fmaf(more[i], more[i], square);
      }
      square = block_sum(square, reinterpret_cast<float*>(shared + s.reduce));
      factor = rsqrtf(square / static_cast<float>(cols) + a.in.epsilon);
      for (int i = 0; i < 8; ++i) v[i] = v[i] * factor * weight[i];
    }
    store_token<columns_of_sums>(shared, s, a, token, mine, mine < padded, v);
    for (int base = turn; base < padded; base += turn) {
      const int k = base + mine;
      float more[8] = {};
      if (k < cols) {
        load_eight(a.in, token, k, cols, more);
        if (a.in.norm) {
          float norm[8];
          load_norm(a.in, k, cols, norm);
          for (int i = 0; i < 8; ++i) more[i] = more[i] * factor * norm[i];
        }
      }
      store_token<columns_of_sums>(shared, s, a, token, k, k < padded, more);
    }
  }
}

}  // namespace hqq::cuda
