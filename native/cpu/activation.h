// Activation functions of MLPs. Shared by the configuration, the CPU kernels and any other executor.
#pragma once

#include <cstdint>

namespace hqq {

enum class Activation : uint8_t {
  silu,        // x / (1 + exp(-x))
  gelu,        // x * Phi(x), with the error function
  gelu_tanh,   // its tanh approximation: gelu_new, gelu_pytorch_tanh, gelu_fast
  quick_gelu,  // x / (1 + exp(-1.702 x))
  relu,
};

}  // namespace hqq
