// Matrix times many vectors: tensor cores on 16-bit copies of the weights, made piece by piece (repack.cuh, expand).
#pragma once

#include "cuda/launch.cuh"

namespace hqq::cuda {

enum class GemmOutput : uint8_t {
  store,  // float32 y
  add,    // y += ...
  silu,   // rows of W alternate in eights between gate and up: 16-bit silu(gate) * up, one column for two
};

struct GemmArgs {
  const void* x = nullptr;                 // 16-bit [tokens][cols]
  const void* w = nullptr;                 // 16-bit [rows][cols]
  int64_t tokens = 0, rows = 0, cols = 0;  // cols a multiple of 8
  bool bf16 = false;                       // else float16
  const float* bias = nullptr;             // f32[rows]
  void* out = nullptr;                     // [tokens][out_stride], at the first row's column
  int64_t out_stride = 0;
  int64_t out_rows = 0;  // results of rows beyond are padding
  GemmOutput mode = GemmOutput::store;
};

/// Float32 sums. Rows and tokens of any number.
void gemm(const GemmArgs& args, const Target& target);

}  // namespace hqq::cuda
