#include "quant/solver.h"

#include <cmath>

namespace hqq {

const SolverKernels& solver_kernels() {
  switch (active_simd_level()) {
#if defined(__x86_64__) || defined(_M_X64)
    case SimdLevel::avx2: return kSolverAvx2;
    case SimdLevel::avx512:
    case SimdLevel::amx: return kSolverAvx512;
#endif
#if defined(__aarch64__)
    case SimdLevel::neon: return kSolverNeon;
#endif
    default: return kSolverScalar;
  }
}

void initial_affine(float low, float high, const SolveParams& params, float* inverse_scale, float* zero) {
  const float range = high - low;
  float s = (1.0f / range) * params.max_value;  // two roundings, as PyTorch divides an integer by a tensor
  if (std::fabs(range) <= 1e-4f) s = 1.0f;
  s = std::fmin(s, 2e4f);
  const float z = -low * s;
  *inverse_scale = s;
  *zero = params.round_zero ? std::nearbyint(z) : z;
}

float shrink_power(float magnitude) { return std::pow(magnitude, -0.3f); }

}  // namespace hqq
