// One block per multiprocessor, sixteen warps or as many as fit. They form teams; a team takes a tile of 16 rows at a time, its
// warps the units of the row in turn. Each warp streams its units through a ring of its own in shared memory, which it
// starts to fill before the kernels in front have ended, and keeps full across row tiles. The rings of all warps take
// most of shared memory: enough in flight to bridge a kernel's beginning, and never two blocks of one launch on one
// multiprocessor while another has none.
#pragma once

#include <type_traits>

#include "cuda/gemv_columns.cuh"
#include "cuda/weight_operand.cuh"

namespace hqq::cuda {

/// Scale and zero of rows g and g + 8 from an entry in shared memory.
__device__ inline float4 read_meta(const unsigned char* entry, int g, bool meta_float) {
  if (meta_float) return *reinterpret_cast<const float4*>(entry + g * 16);
  const uint2 raw = *reinterpret_cast<const uint2*>(entry + g * 8);
  const float2 a = __half22float2(*reinterpret_cast<const __half2*>(&raw.x));
  const float2 b = __half22float2(*reinterpret_cast<const __half2*>(&raw.y));
  return {a.x, a.y, b.x, b.y};
}

/// Adds a group's sums to y. `sums` points at the group's sums of x.
template <bool one_column>
__device__ inline void flush(float (&y)[4], float (&c)[4], const float4 meta, const float* sums, int lane) {
  if constexpr (one_column) {
    const float s = sums[0];
    y[0] = fmaf(meta.x, fmaf(-meta.y, s, c[0]), y[0]);
    y[2] = fmaf(meta.z, fmaf(-meta.w, s, c[2]), y[2]);
  } else {
    const float2 s = *reinterpret_cast<const float2*>(sums + lane % 4 * 2);
    y[0] = fmaf(meta.x, fmaf(-meta.y, s.x, c[0]), y[0]);
    y[1] = fmaf(meta.x, fmaf(-meta.y, s.y, c[1]), y[1]);
    y[2] = fmaf(meta.z, fmaf(-meta.w, s.x, c[2]), y[2]);
    y[3] = fmaf(meta.z, fmaf(-meta.w, s.y, c[3]), y[3]);
  }
  c[0] = c[1] = c[2] = c[3] = 0.0f;
}

/// A warp's way through its units: those of a row tile in steps of the team's warps, then the team's next row tile.
/// Everything is kept as addresses, because a division or a product here would cost as much as the unit's arithmetic.
template <int nbits, bool fine>
struct UnitStream {
  static constexpr int bytes = unit_bytes(nbits), tiles = unit_cols(nbits) / kTileCols;
  const uint8_t* quants;                              // this lane's bytes of the next unit
  const uint8_t* meta;                                // this lane's bytes of the row tile's first entry
  int64_t quants_jump, meta_jump;                     // from behind a row tile to the next one
  int unit, row_tile, first, step, team_warps, tile;  // tile: column tile of this lane's entry within a unit
  uint32_t entry_bytes;

  __device__ UnitStream(const TiledView& w, int first_unit, int start, int row_step, int warps, bool meta_float,
                        int lane)
      : unit(first_unit), row_tile(start), first(first_unit), step(row_step), team_warps(warps) {
    entry_bytes = static_cast<uint32_t>(meta_entry_bytes(meta_float));
    const int shift = meta_float ? 3 : 2;
    tile = lane >> shift;
    quants = w.quants + (static_cast<int64_t>(start) * w.units + first) * bytes + lane * 16;
    meta = static_cast<const uint8_t*>(w.meta) + static_cast<int64_t>(start) * w.entries * entry_bytes +
           (fine ? lane * 16 : (lane & ((1 << shift) - 1)) * 16);
    const int turns = (w.units - first + team_warps - 1) / team_warps;
    quants_jump = (static_cast<int64_t>(step) * w.units - turns * team_warps) * bytes;
    meta_jump = static_cast<int64_t>(step) * w.entries * entry_bytes;
  }

  __device__ void fetch(const TiledView& w, int meta_bytes, uint32_t stage, int lane) {
    if (row_tile < w.row_tiles) {
#pragma unroll
      for (int i = 0; i < bytes / 512; ++i) copy_async_16(stage + i * 512 + lane * 16, quants + i * 512);
      if constexpr (nbits != kDenseBits && !fine) {
        if (tile < tiles) {
          const uint32_t entry = __umulhi(2u * static_cast<uint32_t>(unit * tiles + tile), w.entry_magic);
          copy_async_16(stage + bytes + lane * 16, meta + entry * entry_bytes);
        }
      }
      if constexpr (nbits != kDenseBits && fine) {
        const uint8_t* from = meta + static_cast<int64_t>(unit) * meta_bytes;
        for (int at = 0; at + lane * 16 < meta_bytes; at += 512)
          copy_async_16(stage + bytes + at + lane * 16, from + at);
      }
      unit += team_warps;
      quants += team_warps * bytes;
      if (unit >= w.units) {
        unit = first;
        row_tile += step;
        quants += quants_jump;
        meta += meta_jump;
      }
    }
    commit_copies();
  }
};

/// Operand `m` of every tile of a unit: independent products side by side, because each takes its time.
template <int nbits, int m, int tiles>
__device__ inline void multiply_operand(const uint32_t* words, const unsigned char* x, float (&c)[tiles][4]) {
  const auto tile = [&](auto index) {
    constexpr int t = decltype(index)::value;
    if constexpr (t < tiles) {
      const uint2 b = *reinterpret_cast<const uint2*>(x + t * 128 + m * 8);
      uint32_t a[4];
      weight_operand<nbits, t * 16 + m * 4>(words, a);
      mma_16816(c[t], a, b.x, b.y);
    }
  };
  tile(std::integral_constant<int, 0>{});
  tile(std::integral_constant<int, 1>{});
  tile(std::integral_constant<int, 2>{});
  tile(std::integral_constant<int, 3>{});
}

/// A unit whose groups hold whole tiles.
template <int nbits, bool one_column>
__device__ inline void compute_unit(const uint32_t* words, const unsigned char* x, const unsigned char* meta,
                                    const float* sums, bool meta_float, int lane, float (&y)[4]) {
  constexpr int tiles = unit_cols(nbits) / kTileCols;
  if constexpr (nbits == kDenseBits) {
    float(&c)[1][4] = reinterpret_cast<float(&)[1][4]>(y);
    multiply_operand<nbits, 0, 1>(words, x, c);
    multiply_operand<nbits, 1, 1>(words, x, c);
    multiply_operand<nbits, 2, 1>(words, x, c);
    multiply_operand<nbits, 3, 1>(words, x, c);
  } else {
    float c[tiles][4] = {};
    multiply_operand<nbits, 0, tiles>(words, x, c);
    multiply_operand<nbits, 1, tiles>(words, x, c);
    multiply_operand<nbits, 2, tiles>(words, x, c);
    multiply_operand<nbits, 3, tiles>(words, x, c);
#pragma unroll
    for (int t = 0; t < tiles; ++t)
      flush<one_column>(y, c[t], read_meta(meta + t * meta_entry_bytes(meta_float), lane / 4, meta_float),
                        sums + t * (one_column ? 1 : kGemvColumns), lane);
  }
}

/// One tile whose 64 columns belong to groups or segments of 8, 16 or 32.
template <int nbits, bool one_column, int tile>
__device__ inline void compute_fine_tile(const uint32_t* words, const uint4 b0, const uint4 b1,
                                         const unsigned char* meta, const float* sums, int segment, bool meta_float,
                                         int lane, float (&y)[4]) {
  const uint32_t b[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
  const int entry_bytes = meta_entry_bytes(meta_float), columns = one_column ? 1 : kGemvColumns;
  int entry = tile * (kTileCols / segment);
  float c[4] = {};
  const auto end_segment = [&] {
    flush<one_column>(y, c, read_meta(meta + entry * entry_bytes, lane / 4, meta_float), sums + entry * columns, lane);
    ++entry;
  };
  uint32_t a[4];
  const auto operand = [&](auto operand_index) {
    constexpr int m = decltype(operand_index)::value;
    weight_operand<nbits, tile * 16 + m * 4>(words, a);
    if (segment == 8) {
      mma_1688(c, a[0], a[1], b[2 * m]);
      end_segment();
      mma_1688(c, a[2], a[3], b[2 * m + 1]);
      end_segment();
    } else {
      mma_16816(c, a, b[2 * m], b[2 * m + 1]);
      if (segment == 16 || m % 2 == 1) end_segment();
    }
  };
  operand(std::integral_constant<int, 0>{});
  operand(std::integral_constant<int, 1>{});
  operand(std::integral_constant<int, 2>{});
  operand(std::integral_constant<int, 3>{});
}

/// Sums the warps' parts of a row tile and gives the result away. Called by all threads of a team.
template <bool one_column>
__device__ inline void finish_row_tile(const GemvArgs& a, float* parts, float (&y)[4], int row_tile, int team,
                                       float before) {
  constexpr int columns = one_column ? 1 : kGemvColumns;
  const int threads = a.team_warps * 32, in_team = static_cast<int>(threadIdx.x) & (threads - 1);
  const int lane = threadIdx.x % 32, warp = in_team / 32;
  float* mine = parts + warp * kTileRows * columns;
  if constexpr (one_column) {
    if (lane % 4 == 0) {
      mine[lane / 4] = y[0];
      mine[lane / 4 + 8] = y[2];
    }
  } else {
    *reinterpret_cast<float2*>(mine + lane / 4 * columns + lane % 4 * 2) = make_float2(y[0], y[1]);
    *reinterpret_cast<float2*>(mine + (lane / 4 + 8) * columns + lane % 4 * 2) = make_float2(y[2], y[3]);
  }
  wait_for_team(1 + team, threads);
  const bool gated = a.mode == GemvOutput::silu_half || a.mode == GemvOutput::silu_float;
  const int out_rows = gated ? 8 : kTileRows;
  if (in_team >= out_rows * a.in.tokens) return;
  const int row = in_team % out_rows, token = in_team / out_rows;
  const auto total = [&](int r) {
    float sum = 0;
    for (int first = 0; first < a.team_warps; first += 8) {
#pragma unroll
      for (int w = 0; w < 8; ++w) {  // eight loads on their way at once: the team's next sum waits for this one
        const float* part = parts + ((first + w) * kTileRows + r) * columns;
        if constexpr (one_column) sum += part[0];
        else if (!a.in.split) sum += part[token];
        else sum += (part[2 * token] + part[2 * token + 1] * (1.0f / kSplitStep)) * (1.0f / kSplitScale);
      }
    }
    const int source = row_tile * kTileRows + r;
    return a.bias && source < a.w.rows ? sum + a.bias[source] : sum;
  };
  const int target = row_tile * out_rows + row;
  if (target >= a.out_rows) return;
  const int64_t at = token * a.out_stride + target;
  if (gated) {
    const float gate = total(row), value = gate / (1.0f + __expf(-gate)) * total(row + 8);
    if (a.mode == GemvOutput::silu_half) static_cast<__half*>(a.out)[at] = __float2half_rn(value);
    else static_cast<float*>(a.out)[at] = value;
  } else {
    static_cast<float*>(a.out)[at] = before + total(row);
  }
}

template <int nbits, bool fine, bool one_column>
__global__ void __launch_bounds__(kGemvWarps * 32, 1) gemv_kernel(const __grid_constant__ GemvArgs a) {
  // Float32 scales go with split vectors, which are two columns at least.
  const bool meta_float = !one_column && a.w.meta_float != 0;
  constexpr int depth = gemv_depth(nbits, fine, one_column), tiles = unit_cols(nbits) / kTileCols;
  constexpr int word_count = unit_bytes(nbits) / 128, sum_columns = one_column ? 1 : kGemvColumns;
  extern __shared__ __align__(128) unsigned char shared[];
  const int warps = static_cast<int>(blockDim.x) / 32, team_warps = a.team_warps, teams = warps / team_warps;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, team = warp / team_warps, first = warp & (team_warps - 1);
  const int columns = a.in.tokens * (a.in.split ? 2 : 1);
  const GemvShared s = gemv_shared(a.w, columns, depth, warps, one_column);
  const int step = static_cast<int>(gridDim.x) * teams;
  const int start = static_cast<int>(blockIdx.x) + team * static_cast<int>(gridDim.x);
  const unsigned char* ring = shared + s.ring + warp * depth * s.stage_bytes;
  const uint32_t ring_address = shared_address(ring), ring_end = ring_address + depth * s.stage_bytes;

  let_next_kernel_start();
  UnitStream<nbits, fine> stream(a.w, first, first < a.w.units ? start : a.w.row_tiles, step, team_warps, meta_float,
                                 lane);
  uint32_t fill = ring_address;
  const auto fetch = [&] {
    stream.fetch(a.w, s.meta_bytes, fill, lane);
    fill += s.stage_bytes;
    if (fill == ring_end) fill = ring_address;
  };
  for (int i = 0; i < depth - 1; ++i) fetch();

  load_columns<sum_columns>(shared, s, a);
  __syncthreads();

  const int column = one_column ? 0 : min(lane / 4, columns - 1);
  const unsigned char* x = shared + column * s.x_stride + lane % 4 * 32 + first * tiles * 128;
  const int unit_sums = unit_cols(nbits) / (fine ? a.w.segment : kTileCols) * sum_columns;
  const float* sums = reinterpret_cast<const float*>(shared + s.sums) + first * unit_sums;
  float* parts = reinterpret_cast<float*>(shared + s.reduce) + team * team_warps * kTileRows * sum_columns;
  int drain = 0, buffer = 0;
  for (int row_tile = start; row_tile < a.w.row_tiles; row_tile += step) {
    float before = 0;
    if (a.mode == GemvOutput::add) {
      const int in_team = static_cast<int>(threadIdx.x) & (team_warps * 32 - 1),
                target = row_tile * kTileRows + in_team % kTileRows;
      if (in_team < kTileRows * a.in.tokens && target < a.out_rows)
        before = static_cast<const float*>(a.out)[in_team / kTileRows * a.out_stride + target];
    }
    float y[4] = {};
    const unsigned char* unit_x = x;
    const float* group_sums = sums;
    for (int unit = first; unit < a.w.units; unit += team_warps) {
      wait_for_copies<depth - 2>();
      __syncwarp();
      fetch();
      const unsigned char* from = ring + drain;
      drain += s.stage_bytes;
      if (drain == depth * s.stage_bytes) drain = 0;
      uint32_t words[word_count];
#pragma unroll
      for (int i = 0; i < word_count / 4; ++i) {
        const uint4 v = *reinterpret_cast<const uint4*>(from + i * 512 + lane * 16);
        words[4 * i] = v.x, words[4 * i + 1] = v.y, words[4 * i + 2] = v.z, words[4 * i + 3] = v.w;
      }
      const unsigned char* meta = from + unit_bytes(nbits);
      if constexpr (fine) {
        const auto tile = [&](auto index) {
          constexpr int t = decltype(index)::value;
          if constexpr (t < tiles) {
            const uint4* b = reinterpret_cast<const uint4*>(unit_x + t * 128);
            compute_fine_tile<nbits, one_column, t>(words, b[0], b[1], meta, group_sums, a.w.segment, meta_float, lane,
                                                    y);
          }
        };
        tile(std::integral_constant<int, 0>{});
        tile(std::integral_constant<int, 1>{});
        tile(std::integral_constant<int, 2>{});
        tile(std::integral_constant<int, 3>{});
      } else {
        compute_unit<nbits, one_column>(words, unit_x, meta, group_sums, meta_float, lane, y);
      }
      unit_x += team_warps * tiles * 128;
      group_sums += team_warps * unit_sums;
    }
    finish_row_tile<one_column>(a, parts + buffer * warps * kTileRows * sum_columns, y, row_tile, team, before);
    buffer ^= 1;
  }
  wait_for_copies<0>();
}

}  // namespace hqq::cuda
