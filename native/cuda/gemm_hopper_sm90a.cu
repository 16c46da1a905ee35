#include "cuda/gemm_hopper.cuh"

#include <cudaTypedefs.h>

#include <algorithm>
#include <string>

#include "cuda/gemm_hopper_kernel.cuh"

namespace hqq::cuda {
namespace {

/// libcuda's encoder, found at run time: the library is not linked against the driver.
PFN_cuTensorMapEncodeTiled_v12000 find_encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result{};
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result);
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  return reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(function);
}

PFN_cuTensorMapEncodeTiled_v12000 encoder() {
  static const auto found = find_encoder();
  return found;
}

/// A row-major 16-bit matrix, copied in boxes of `box_rows` x 64; zeros outside.
CUtensorMap map_of(const void* data, int64_t rows, int64_t cols, int box_rows, bool bf16) {
  CUtensorMap map{};
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t stride = static_cast<cuuint64_t>(cols) * 2;
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(kHopperCols), static_cast<cuuint32_t>(box_rows)},
                   steps[2] = {1, 1};
  const CUresult result =
      encoder()(&map, bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2,
                const_cast<void*>(data), sizes, &stride, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  require(result == CUDA_SUCCESS, ErrorCode::internal,
          "CUDA: cuTensorMapEncodeTiled answered " + std::to_string(static_cast<int>(result)));
  return map;
}

template <typename T>
void launch_typed(const GemmArgs& args, const Target& target) {
  const CUtensorMap x = map_of(args.x, args.tokens, args.cols, kHopperTokens, args.bf16);
  const CUtensorMap w = map_of(args.w, args.rows, args.cols, kHopperRows, args.bf16);
  const int64_t tiles =
      (args.tokens + kHopperTokens - 1) / kHopperTokens * ((args.rows + kHopperRows - 1) / kHopperRows);
  launch(gemm_hopper_kernel<T>, dim3(static_cast<unsigned>(std::min<int64_t>(tiles, target.multiprocessors))),
         dim3(kHopperThreads), kHopperShared, target, args, x, w);
}

}  // namespace

bool can_gemm_hopper(const Target& target) {
  if (!target.hopper || !encoder()) return false;
  static const bool has_code = [] {
    cudaFuncAttributes attributes{};
    const bool found =
        cudaFuncGetAttributes(&attributes, gemm_hopper_kernel<__half>) == cudaSuccess && attributes.binaryVersion == 90;
    cudaGetLastError();
    return found;
  }();
  return has_code;
}

void gemm_hopper(const GemmArgs& args, const Target& target) {
  if (args.bf16) launch_typed<__nv_bfloat16>(args, target);
  else launch_typed<__half>(args, target);
}

}  // namespace hqq::cuda
