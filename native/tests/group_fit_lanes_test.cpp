// The 16-lane body of the group fit (what AVX-512 runs), compiled here for whatever this CPU has, against the scalar level.
#define HQQ_VECTOR_LANES 16
#include "quant/group_fit_kernels.h"

#include <algorithm>
#include <random>
#include <vector>

#include "tests/support/check.h"

namespace hqq {

TEST("16 lanes: a fit gives the scalar level's bits, with and without weights") {
  std::mt19937 random(6);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  for (const int64_t n : {16, 32, 64, 128, 4096}) {
    for (const float max_value : {1.0f, 3.0f, 7.0f, 15.0f, 255.0f}) {
      std::vector<float> w(static_cast<size_t>(n)), h(static_cast<size_t>(n));
      for (float& v : w) v = normal(random);
      for (float& v : h) v = std::abs(normal(random));
      const auto [low, high] = std::minmax_element(w.begin(), w.end());
      for (const float* weights : {static_cast<const float*>(nullptr), static_cast<const float*>(h.data())}) {
        const FitProblem problem{w.data(), weights, n, max_value, *low, *high, nullptr};
        const GroupFit wide = fit_any(problem), scalar = kFitGroupScalar(problem);
        CHECK(wide.map.inverse_scale == scalar.map.inverse_scale && wide.map.zero == scalar.map.zero, n, " ", max_value);
        CHECK(wide.error == scalar.error && wide.error > 0);
      }
    }
  }
}

}  // namespace hqq
