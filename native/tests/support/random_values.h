// Deterministic random data for kernel tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "model/sampler.h"

namespace hqq::test {

/// `n` normal values times `scale` (Box-Muller on the engine's own generator).
inline std::vector<float> normal_values(int64_t n, uint64_t seed, float scale = 1.0f) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) {
    const double u = 1.0 - random.uniform(), w = random.uniform();
    v = scale * static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * w));
  }
  return values;
}

/// Largest |a - b| over the root mean square of b: a relative error that small values cannot inflate.
inline double relative_error(const float* a, const float* b, int64_t n) {
  double worst = 0, square = 0;
  for (int64_t i = 0; i < n; ++i) {
    worst = std::fmax(worst, std::fabs(static_cast<double>(a[i]) - b[i]));
    square += static_cast<double>(b[i]) * b[i];
  }
  const double rms = std::sqrt(square / static_cast<double>(n));
  return rms > 0 ? worst / rms : worst;
}

}  // namespace hqq::test
