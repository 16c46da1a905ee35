// The one exported symbol of libhqq_cuda.so.
#include "cuda/tables.h"

extern "C" __attribute__((visibility("default"))) const HqqCudaApi* hqq_cuda_get_api(uint32_t abi_version) {
  if (abi_version != HQQ_CUDA_ABI_VERSION) return nullptr;
  static const HqqCudaApi api = {
      .abi_version = HQQ_CUDA_ABI_VERSION,
      .table_bytes = sizeof(HqqCudaApi),
      .engine_version = HQQ_VERSION,
      .device = hqq::cuda::device_table(),
      .quantize = hqq::cuda::quantize_table(),
      .model = hqq::cuda::model_table(),
  };
  return &api;
}
