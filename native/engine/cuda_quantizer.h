// Quantizing through libhqq_cuda.so.
#pragma once

#include <functional>

#include "cuda/abi_quantize.h"
#include "engine/quantizer.h"

namespace hqq {

/// The quantizer's part of the library as the engine calls it.
struct CudaQuantizeLibrary {
  HqqCudaQuantizeApi api;
  /// Throws the EngineError that a status stands for.
  std::function<void(const HqqCudaStatus&)> fail;
};

/// Two matrices at once, so that one is on the bus while the other is computed, unless that took more device memory
/// than four times the larger one; then one. Methods that the library does not know run on the CPU. `keep_best`: each
/// group's best optimizer step instead of the common one at which the reference stops.
std::unique_ptr<Quantizer> cuda_quantizer(CudaQuantizeLibrary library, int32_t device, bool keep_best = false);

}  // namespace hqq
