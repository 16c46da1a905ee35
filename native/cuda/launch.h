// One way to launch a kernel: arguments are checked against its signature, a refusal is a typed error.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "cuda/check.h"

namespace hqq::cuda {

struct LaunchShape {
  int64_t blocks = 0;
  int threads = 0;
  size_t shared_bytes = 0;
};

/// Does nothing for a grid of no blocks. Throws EngineError{bad_input} for a grid beyond what the device counts to.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, cudaStream_t stream, Arguments&&... arguments) {
  if (shape.blocks == 0) return;
  require(shape.blocks <= std::numeric_limits<int32_t>::max(), ErrorCode::bad_input,
          "a launch of " + std::to_string(shape.blocks) + " blocks is beyond the device");
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  HQQ_CUDA_CHECK(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

}  // namespace hqq::cuda
