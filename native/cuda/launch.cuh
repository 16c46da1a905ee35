// Kernel launches with an optional early start: the next kernel's blocks may begin before this one's have ended
// (programmatic dependent launch), where the device can do that.
#pragma once

#include <cuda_runtime.h>

#include "cuda/check.h"

namespace hqq::cuda {

/// Where work goes and what the device there can do.
struct Target {
  cudaStream_t stream = nullptr;
  int multiprocessors = 1;
  int shared_bytes = 48 << 10;  // most dynamic shared memory of a block
  bool early_start = false;     // compute capability 9.0 and later
  bool hopper = false;          // compute capability 9.0
};

/// `kernel` must wait_for_previous_kernel() before it reads or writes what other kernels touch.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, int shared_bytes, const Target& target,
            Arguments&&... arguments) {
  if (shared_bytes > (48 << 10)) {
    HQQ_CUDA_CHECK(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                        cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
  }
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = target.stream;
  config.attrs = &attribute;
  config.numAttrs = target.early_start ? 1 : 0;
  HQQ_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, Parameters(std::forward<Arguments>(arguments))...));
}

}  // namespace hqq::cuda
