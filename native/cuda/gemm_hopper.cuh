// The matrix product on Hopper's own instructions: warp-group products fed by the tensor copy engine.
#pragma once

#include "cuda/gemm.cuh"

namespace hqq::cuda {

/// Compute capability 9.0 with code for it in this build.
bool can_gemm_hopper(const Target& target);

void gemm_hopper(const GemmArgs& args, const Target& target);

}  // namespace hqq::cuda
