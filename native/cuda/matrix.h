// Linear layers on the device: uploaded as stored, repacked, merged where several read the same vector.
#pragma once

#include <span>
#include <vector>

#include "core/dtype.h"
#include "cuda/abi_model.h"
#include "cuda/launch.cuh"
#include "cuda/memory.h"
#include "cuda/tile_layout.h"
#include "cuda/weight_staging.h"

namespace hqq::cuda {

/// One tiled matrix and where its results go.
struct Matrix {
  TiledView view;
  DeviceBuffer quants, meta, bias;  // bias f32 in tile order, or empty
  int out_rows = 0;                 // results: rows, or half of them where gate and up alternate
  int64_t out_offset = 0;           // within the layer's row of results

  int64_t bytes() const { return quants.bytes() + meta.bytes(); }
};

/// Linear layers that share their input, as few matrices as their formats allow.
struct Projection {
  std::vector<Matrix> matrices;
  bool gated = false;  // one matrix whose row tiles hold 8 rows of gate and the same 8 of up
};

struct MatrixBuild {
  DType compute = DType::f16;
  bool gate_up = false;  // merge two parts row by row instead of one after the other
  bool dense = false;    // float16 whatever is stored
  MemoryAccount& account;
  const Target& target;
  WeightStaging& staging;
};

/// Uploads and repacks. `bytes`: one entry per part. A quantized layer whose grouping no kernel handles (axis 0, groups
/// whose borders are no multiples of 8 columns) becomes float16.
Projection build_projection(std::span<const HqqCudaLinear> parts, const MatrixBuild& build,
                            std::span<HqqCudaLayerBytes> bytes);

/// Layout of a matrix of `rows` x `cols`. `run`: columns between group borders; 0 for float16 weights.
TiledView plan_tiles(int64_t rows, int64_t cols, int nbits, int64_t run, bool meta_float);

}  // namespace hqq::cuda
