// Matrix times a few vectors, straight from packed integers: the kernel of decoding. Weights go through the tensor
// cores as exact integers, so that one to eight columns cost the same, sums are float32, and scale and zero of a group
// are applied to the group's sum: y += scale (sum q x - zero sum x).
#pragma once

#include "cuda/launch.cuh"
#include "cuda/tile_layout.h"

namespace hqq::cuda {

/// Columns that one launch handles.
constexpr int kGemvColumns = 8;

struct GemvInput {
  const void* x = nullptr;  // [tokens][stride], float32 or float16
  int64_t stride = 0;       // elements
  bool is_half = false;
  const float* norm = nullptr;  // f32[cols]: RMS norm on the way in; null for none
  float epsilon = 0;
  int tokens = 1;
  /// Each token as two columns, float16 numbers that add up to 22 bits: float32 accuracy at half as many tokens.
  bool split = false;
};

enum class GemvOutput : uint8_t {
  store,      // float32 y
  add,        // y += ...
  silu_half,  // tile rows i and i + 8 are gate and up: float16 silu(gate) * up, one row for two
  silu_float
};

struct GemvArgs {
  TiledView w;
  GemvInput in;
  const float* bias = nullptr;  // f32[rows] in tile order; null for none
  void* out = nullptr;          // [tokens][out_stride]
  int64_t out_stride = 0;
  int out_rows = 0;  // rows beyond are padding
  GemvOutput mode = GemvOutput::store;
  int team_warps = 8;  // warps that share a row tile: chosen at launch, a power of two
};

/// Most tokens of one launch: 8, or 4 when split, fewer where a row is so long that its columns do not fit.
int gemv_tokens(const TiledView& w, bool split, const Target& target);

/// Any number of tokens, in as many launches as needed.
void gemv(const GemvArgs& args, const Target& target);

}  // namespace hqq::cuda
