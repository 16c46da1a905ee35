// From the storage form of a weight, copied to the device as it is in the file, to the runtime layout and back.
#pragma once

#include "core/dtype.h"
#include "cuda/launch.cuh"
#include "cuda/tile_layout.h"

namespace hqq::cuda {

/// One block-wise packed plane: `count` fields of `bits` bits a word, the first in the highest; field k of word row r
/// is row r + k * step of the grouped view (drawings in quant/bitpack.h).
struct StoredPlane {
  int64_t offset = 0;  // bytes
  int64_t step = 1;    // word rows
  int bits = 8, count = 1;
  int source = 0;  // lowest bit of the integer that this plane holds
};

/// Packed integers of a weight; the grouped view of all its rows has `view_cols` columns. Used are `rows` of them.
struct StoredQuants {
  const uint8_t* data = nullptr;
  StoredPlane planes[2];
  int plane_count = 1;
  int word_bytes = 1;
  int64_t rows = 0, cols = 0, view_cols = 1;
  int64_t first_row = 0;
};

/// Scale and zero of every group. Group of flat element f: f / group at axis 1, f % groups at axis 0.
struct StoredMeta {
  const void* scale = nullptr;
  const void* zero = nullptr;
  DType scale_dtype = DType::f32, zero_dtype = DType::f32;
  int64_t group = 1, groups = 1;
  int64_t first_row = 0;  // of those used
  int axis = 1;
};

struct StoredDense {
  const void* data = nullptr;
  DType dtype = DType::f32;
  int64_t rows = 0, cols = 0;
};

/// Where a weight's rows go: from a row tile on, 16 to a tile, or 8 to a tile as its lower or upper half.
enum class TileHalf : uint8_t { whole, lower, upper };
struct Placement {
  int first_row_tile = 0;
  TileHalf half = TileHalf::whole;
};

/// Adds the weight's integers to `quants` (of the layout `w`, zeroed before the first call).
void repack_quants(const TiledView& w, uint8_t* quants, const StoredQuants& from, const Placement& at,
                   const Target& target);
/// Scale and zero rounded to the compute dtype, float16 or float32 as the layout says.
void repack_meta(const TiledView& w, void* meta, const StoredMeta& from, int64_t rows, const Placement& at,
                 DType compute, const Target& target);
/// Float16 weights: an unquantized matrix, or a quantized one whose grouping has no kernel, dequantized with
/// HQQLinear's roundings to the compute dtype.
void repack_dense(const TiledView& w, uint8_t* quants, const StoredDense& from, const Placement& at,
                  const Target& target);
void repack_dequantized(const TiledView& w, uint8_t* quants, const StoredQuants& from, const StoredMeta& meta,
                        const Placement& at, DType compute, const Target& target);

/// out: 16-bit [count * 16][cols], W' of row tiles [first, first + count), bfloat16 or float16.
void expand(const TiledView& w, int first, int count, void* out, bool bf16, const Target& target);

}  // namespace hqq::cuda
