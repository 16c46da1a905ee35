// The model on the processor: the transformer over repacked or mapped weights.
#pragma once

#include "model/executor.h"

namespace hqq {

std::unique_ptr<Executor> make_cpu_executor(const ModelConfig& config, WeightSource& source, const LoadOptions& options,
                                            Reporter& reporter);

}  // namespace hqq
