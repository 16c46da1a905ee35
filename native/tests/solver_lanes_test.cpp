// The 16-lane body of the solver (what AVX-512 runs), compiled here for whatever this CPU has, against the scalar level's table:
// so a machine without AVX-512 still tests that code.
#define HQQ_VECTOR_LANES 16
#include "quant/solver_kernels.h"

#include <cstring>
#include <random>
#include <vector>

#include "tests/support/check.h"

namespace hqq {
namespace {

constexpr SolverKernels kWide = make_solver_kernels();

struct Solved {
  std::vector<float> inverse_scale, zeros;
  std::vector<uint8_t> settled;
  std::vector<double> errors;
  bool finite = false;
  bool operator==(const Solved&) const = default;
};

Solved solve(const SolverKernels& kernels, bool columns, const std::vector<float>& x, int64_t g, int64_t count, int64_t plain) {
  const SolveParams params{7.0f, false, kSolverSteps};
  const auto n = static_cast<size_t>(count);
  Solved s{std::vector<float>(n), std::vector<float>(n * (kSolverSteps + 1)), std::vector<uint8_t>(n), std::vector<double>(kSolverSteps)};
  std::vector<float> scratch(static_cast<size_t>(g));
  SolveTile tile{x.data(), g, count, plain, s.inverse_scale.data(), s.zeros.data(), count, s.settled.data(), s.errors.data(), scratch.data()};
  s.finite = columns ? kernels.solve_columns(params, tile) : kernels.solve_rows(params, tile);
  // Planes after a group has settled are left as they were.
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = s.settled[i] + size_t{1}; k <= kSolverSteps; ++k) s.zeros[k * n + i] = 0;
  }
  return s;
}

std::vector<float> random_values(std::mt19937& random, int64_t n, float spread) {
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

}  // namespace

TEST("16 lanes: solving rows and columns gives the scalar level's bits") {
  std::mt19937 random(3);
  for (const int64_t g : {1, 3, 7, 8, 15, 16, 24, 32, 40, 64, 100, 128, 300, 2500}) {
    for (const float spread : {0.02f, 2.0f}) {  // the second makes the shrinkage act
      for (const int64_t count : {1, 7, 8, 13}) {
        const auto rows = random_values(random, g * count, spread);
        const Solved expected = solve(kSolverScalar, false, rows, g, count, 0);
        CHECK(expected.finite);
        CHECK(solve(kWide, false, rows, g, count, 0) == expected, "rows, group ", g, ", count ", count);
      }
      auto columns = random_values(random, g * kTileLanes, spread);
      for (const int64_t plain : {0, 4, 16}) {
        CHECK(solve(kWide, true, columns, g, 16, plain) == solve(kSolverScalar, true, columns, g, 16, plain), "columns, group ", g);
      }
    }
  }
}

TEST("16 lanes: integers, errors and weights") {
  std::mt19937 random(4);
  for (const int64_t n : {1, 5, 16, 17, 64, 200}) {
    const auto x = random_values(random, n, 0.02f);
    std::vector<float> s(x.size(), 50.0f), zero(x.size(), 3.3f), scale(x.size(), 0.02f);
    const FinalAffine affine{s.data(), zero.data(), scale.data(), zero.data()};
    std::vector<uint8_t> q(x.size()), expected_q(x.size());
    ErrorLanes lanes, expected_lanes;
    kWide.quantize_rows(x.data(), 1, n, affine, 7.0f, q.data(), lanes);
    kSolverScalar.quantize_rows(x.data(), 1, n, affine, 7.0f, expected_q.data(), expected_lanes);
    kWide.quantize_lanes(x.data(), n, affine, 7.0f, q.data(), lanes);
    kSolverScalar.quantize_lanes(x.data(), n, affine, 7.0f, expected_q.data(), expected_lanes);
    CHECK(q == expected_q, n);
    CHECK(std::memcmp(&lanes, &expected_lanes, sizeof(lanes)) == 0, n);
  }
}

}  // namespace hqq
