// A model on a CUDA device, behind the executor interface: gathers the weights and hands them over the library's table.
#pragma once

#include "cuda/abi_model.h"
#include "model/executor.h"

namespace hqq {

/// `api` outlives the executor. `memory_limit` in bytes on the device, 0 for none. Throws as make_executor().
std::unique_ptr<Executor> make_cuda_executor(const HqqCudaModelApi& api, int32_t ordinal, int64_t memory_limit,
                                             const ModelConfig& config, WeightSource& source,
                                             const LoadOptions& options, Reporter& reporter);

}  // namespace hqq
