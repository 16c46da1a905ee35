#include "cuda/gemm.cuh"

#include "cuda/gemm_hopper.cuh"
#include "cuda/gemm_kernel.cuh"

namespace hqq::cuda {

void gemm(const GemmArgs& args, const Target& target) {
  require(args.cols % 8 == 0, ErrorCode::internal, "gemm: columns must be a multiple of 8");
  if (can_gemm_hopper(target)) return gemm_hopper(args, target);
  const dim3 grid(static_cast<unsigned>((args.tokens + kGemmTokensTile - 1) / kGemmTokensTile),
                  static_cast<unsigned>((args.rows + kGemmRowsTile - 1) / kGemmRowsTile));
  if (args.bf16) launch(gemm_kernel<__nv_bfloat16>, grid, dim3(kGemmThreads), kGemmShared, target, args);
  else launch(gemm_kernel<__half>, grid, dim3(kGemmThreads), kGemmShared, target, args);
}

}  // namespace hqq::cuda
