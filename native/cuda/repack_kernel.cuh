#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <utility>

#include "cuda/ptx.cuh"
#include "cuda/repack.cuh"
#include "cuda/weight_operand.cuh"

namespace hqq::cuda {

__device__ inline int stored_value(const StoredQuants& s, int64_t flat) {
  const int64_t row = flat / s.view_cols, col = flat % s.view_cols;
  int value = 0;
  for (int p = 0; p < s.plane_count; ++p) {
    const StoredPlane& plane = s.planes[p];
    const int field = static_cast<int>(row / plane.step);
    const int64_t word_at = row % plane.step * s.view_cols + col;
    const uint8_t* data = s.data + plane.offset;
    const uint32_t word = s.word_bytes == 4 ? reinterpret_cast<const uint32_t*>(data)[word_at] : data[word_at];
    value |= static_cast<int>(word >> (plane.bits * (plane.count - 1 - field)) & ((1u << plane.bits) - 1u))
             << plane.source;
  }
  return value;
}

__device__ inline float element(const void* values, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::f16: return __half2float(static_cast<const __half*>(values)[i]);
    case DType::bf16: return __bfloat162float(static_cast<const __nv_bfloat16*>(values)[i]);
    default: return static_cast<const float*>(values)[i];
  }
}

__device__ inline float rounded(float v, DType dtype) {
  if (dtype == DType::f16) return __half2float(__float2half_rn(v));
  if (dtype == DType::bf16) return __bfloat162float(__float2bfloat16_rn(v));
  return v;
}

__device__ inline int64_t group_of(const StoredMeta& m, int64_t flat) {
  return m.groups == 1 ? 0 : m.axis == 1 ? flat / m.group : flat % m.groups;
}

/// Row of the source that row `i` of a row tile comes from; -1 where it does not belong to the placement.
__device__ inline int64_t source_row(const Placement& at, int row_tile, int i, int64_t rows) {
  const int64_t tile = row_tile - at.first_row_tile;
  int64_t row = tile * 16 + i;
  if (at.half == TileHalf::lower) row = i < 8 ? tile * 8 + i : -1;
  if (at.half == TileHalf::upper) row = i >= 8 ? tile * 8 + i - 8 : -1;
  return tile >= 0 && row < rows ? row : -1;
}

struct QuantSource {
  StoredQuants q;
  __device__ uint32_t operator()(int64_t flat) const {
    return static_cast<uint32_t>(stored_value(q, flat + q.first_row * q.cols));
  }
};
struct DenseSource {
  StoredDense d;
  __device__ uint32_t operator()(int64_t flat) const {
    return __half_as_ushort(__float2half_rn(element(d.data, d.dtype, flat)));
  }
};
struct DequantizedSource {
  StoredQuants q;
  StoredMeta m;
  DType compute;
  __device__ uint32_t operator()(int64_t used) const {
    const int64_t flat = used + q.first_row * q.cols, group = group_of(m, flat);
    const float zero = rounded(element(m.zero, m.zero_dtype, group), compute);
    const float scale = rounded(element(m.scale, m.scale_dtype, group), compute);
    const float difference = rounded(static_cast<float>(stored_value(q, flat)) - zero, compute);
    return __half_as_ushort(__float2half_rn(rounded(__fmul_rn(difference, scale), compute)));
  }
};

/// One thread per word of the target: word `at` of a lane's words in one unit.
template <typename Source>
__global__ void repack_kernel(TiledView w, uint8_t* quants, Source source, int64_t rows, int64_t cols, Placement at,
                              int row_tiles) {
  const int words = unit_bytes(w.nbits) / 128;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= static_cast<int64_t>(row_tiles) * w.units * words * 32) return;
  const int lane = static_cast<int>(index / 4 % 32);
  const int64_t chunk = index / 128;  // of 512 bytes
  const int word = static_cast<int>(index % 4 + chunk % (words / 4) * 4);
  const int unit = static_cast<int>(chunk / (words / 4) % w.units);
  const int row_tile = static_cast<int>(chunk / (words / 4) / w.units) + at.first_row_tile;

  const int low = low_bits(w.nbits), first_high = low_words(w.nbits);
  const bool in_low = word < first_high;
  const int bits = in_low ? low : w.nbits - low, fields = 16 / bits;
  uint32_t result = 0;
  for (int slot = 0; slot < fields; ++slot) {
    const int pair = (in_low ? word : word - first_high) * fields + slot;
    const int bit = in_low ? slot * bits : high_field(w.nbits, pair).bit;
    const int reg = pair % 4, operand = pair % 16 / 4, tile = pair / 16;
    const int64_t row = source_row(at, row_tile, lane / 4 + (reg & 1) * 8, rows);
    if (row < 0) continue;
    const int64_t col =
        static_cast<int64_t>(unit) * unit_cols(w.nbits) + tile * 64 + operand * 16 + (reg >> 1) * 8 + lane % 4 * 2;
    for (int j = 0; j < 2; ++j) {
      if (col + j >= cols) continue;
      uint32_t value = source(row * cols + col + j);
      if (low != w.nbits) value = in_low ? value & ((1u << low) - 1u) : value >> low;
      result |= value << (bit + 16 * j);
    }
  }
  // Each word is the business of one thread; a tile's halves come in two launches, one after the other.
  uint32_t* to =
      reinterpret_cast<uint32_t*>(quants + (static_cast<int64_t>(row_tile) * w.units + unit) * unit_bytes(w.nbits)) +
      word / 4 * 128 + lane * 4 + word % 4;
  *to |= result;
}

/// One thread per row of an entry.
__global__ void repack_meta_kernel(TiledView w, void* meta, StoredMeta from, int64_t rows, Placement at, DType compute,
                                   int row_tiles) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (index >= static_cast<int64_t>(row_tiles) * w.entries * 16) return;
  const int i = static_cast<int>(index % 16), entry = static_cast<int>(index / 16 % w.entries);
  const int row_tile = static_cast<int>(index / 16 / w.entries) + at.first_row_tile;
  const int64_t row = source_row(at, row_tile, i, rows);
  const bool ours = at.half == TileHalf::whole || (at.half == TileHalf::lower) == (i < 8);
  if (!ours) return;
  float scale = 0, zero = 0;
  const int64_t col = static_cast<int64_t>(entry) * w.entry_cols;
  if (row >= 0 && col < w.cols) {
    const int64_t group = group_of(from, (row + from.first_row) * w.cols + col);
    scale = element(from.scale, from.scale_dtype, group);
    zero = element(from.zero, from.zero_dtype, group);
  }
  const int64_t to = ((static_cast<int64_t>(row_tile) * w.entries + entry) * 8 + i % 8) * 4 + i / 8 * 2;
  if (w.meta_float) {
    static_cast<float*>(meta)[to] = rounded(scale, compute);
    static_cast<float*>(meta)[to + 1] = rounded(zero, compute);
  } else {
    static_cast<__half*>(meta)[to] = __float2half_rn(scale);
    static_cast<__half*>(meta)[to + 1] = __float2half_rn(zero);
  }
}

/// Scale and zero of row `i` of a row tile at column `col`.
__device__ inline float2 tiled_meta(const TiledView& w, int row_tile, int i, int col) {
  const int entry = w.segment == kTileCols
                        ? static_cast<int>(__umulhi(2u * static_cast<uint32_t>(col / kTileCols), w.entry_magic))
                        : col / w.segment;
  const int64_t at = ((static_cast<int64_t>(row_tile) * w.entries + entry) * 8 + i % 8) * 4 + i / 8 * 2;
  if (w.meta_float) return *reinterpret_cast<const float2*>(static_cast<const float*>(w.meta) + at);
  return __half22float2(*reinterpret_cast<const __half2*>(static_cast<const __half*>(w.meta) + at));
}

template <typename Out>
__device__ inline uint32_t pack_pair(float a, float b) {
  const Out pair[2] = {Out(a), Out(b)};
  uint32_t word;
  memcpy(&word, pair, 4);
  return word;
}

template <typename Body, int... pairs>
__device__ inline void each_pair(Body& body, std::integer_sequence<int, pairs...>) {
  (body(std::integral_constant<int, pairs>{}), ...);
}

/// One warp per unit of a row tile. A lane computes its own pairs tile by tile; shared memory turns them into rows.
template <int nbits, typename Out>
__global__ void __launch_bounds__(256) expand_kernel(TiledView w, int first, int count, Out* out) {
  constexpr int words = unit_bytes(nbits) / 128, tiles = unit_cols(nbits) / kTileCols, stride = 36;  // words of a row
  __shared__ uint32_t staged[8][kTileRows * stride];
  let_next_kernel_start();
  wait_for_previous_kernel();
  const int64_t warp = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (warp >= static_cast<int64_t>(count) * w.units) return;
  const int lane = threadIdx.x % 32, unit = static_cast<int>(warp % w.units),
            row_tile = first + static_cast<int>(warp / w.units);
  uint32_t* mine = staged[threadIdx.x / 32];
  const uint8_t* from = w.quants + (static_cast<int64_t>(row_tile) * w.units + unit) * unit_bytes(nbits);
  uint32_t raw[words];
#pragma unroll
  for (int i = 0; i < words / 4; ++i) {
    const uint4 v = *reinterpret_cast<const uint4*>(from + i * 512 + lane * 16);
    raw[4 * i] = v.x, raw[4 * i + 1] = v.y, raw[4 * i + 2] = v.z, raw[4 * i + 3] = v.w;
  }
  const auto tile = [&](auto index) {
    constexpr int t = decltype(index)::value;
    if constexpr (t < tiles) {
      const int col = unit * unit_cols(nbits) + t * kTileCols;
      float2 meta[2] = {{1, 0}, {1, 0}};
      const auto pair = [&](auto pair_index) {
        constexpr int p = decltype(pair_index)::value, reg = p % 4, offset = p / 4 * 16 + reg / 2 * 8;
        if constexpr (nbits != kDenseBits) {
          // Segments are multiples of 8 columns: a pair's and its neighbours' in the same half of an operand.
          if (p == 0 || (w.segment < kTileCols && reg % 2 == 0 && offset % w.segment == 0)) {
            meta[0] = tiled_meta(w, row_tile, lane / 4, col + offset);
            meta[1] = tiled_meta(w, row_tile, lane / 4 + 8, col + offset);
          }
        }
        const uint32_t packed = weight_pair<nbits, t * 16 + p>(raw);
        const float2 q = __half22float2(*reinterpret_cast<const __half2*>(&packed));
        const float2 m = meta[reg % 2];
        mine[(lane / 4 + reg % 2 * 8) * stride + offset / 2 + lane % 4] =
            pack_pair<Out>((q.x - m.y) * m.x, (q.y - m.y) * m.x);
      };
      each_pair(pair, std::make_integer_sequence<int, 16>{});
      __syncwarp();
      for (int piece = lane; piece < kTileRows * 8; piece += 32) {
        const int row = piece / 8, part = piece % 8, at = col + part * 8;
        Out* to = out + (static_cast<int64_t>(row_tile - first) * kTileRows + row) * w.cols + at;
        const uint4 v = *reinterpret_cast<const uint4*>(mine + row * stride + part * 4);
        if (at + 8 <= w.cols && w.cols % 8 == 0) {
          *reinterpret_cast<uint4*>(to) = v;
        } else {
          Out values[8];
          memcpy(values, &v, 16);
          for (int i = 0; i < 8 && at + i < w.cols; ++i) to[i] = values[i];
        }
      }
      __syncwarp();
    }
  };
  tile(std::integral_constant<int, 0>{});
  tile(std::integral_constant<int, 1>{});
  tile(std::integral_constant<int, 2>{});
  tile(std::integral_constant<int, 3>{});
}

}  // namespace hqq::cuda
