#include "quant/descent.h"

#include <algorithm>
#include <cmath>

#include "quant/row_product.h"

namespace hqq {
namespace {

/// Adding and subtracting it rounds values up to 255 to the nearest integer, ties to even, as the last pass of quantizing does.
constexpr float kRounder = 12582912.0f;
/// The limit of every solver: a smaller scale could not be stored in float16.
constexpr double kLargestInverseScale = 2e4;
/// Rounds over the columns of a group before the rest of the row hears of it.
constexpr int kInnerRounds = 2;
/// A 2x2 system less certain than this is left alone.
constexpr double kLeastDeterminant = 1e-9;

void add_scaled(float factor, const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

double dot(const float* a, const float* b, int64_t n) {
  double lanes[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t k = 0; k < 4; ++k) lanes[k] += static_cast<double>(a[i + k]) * b[i + k];
  }
  for (; i < n; ++i) lanes[0] += static_cast<double>(a[i]) * b[i];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

double sum_of(const float* a, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += a[i];
  return sum;
}

}  // namespace

Descent::Descent(const DescentProblem& problem, int64_t most_rows)
    : problem_(problem),
      groups_(problem.columns / problem.group_size),
      error_(most_rows * problem.columns * 4, MemoryUse::scratch),
      gradient_(most_rows * problem.columns * 4, MemoryUse::scratch),
      change_(most_rows * problem.group_size * 4, MemoryUse::scratch),
      local_(problem.group_size * 4, MemoryUse::scratch),
      image_(problem.group_size * 4, MemoryUse::scratch),
      block_(problem.group_size * problem.group_size * 4, MemoryUse::scratch),
      ones_(problem.group_size * 4, MemoryUse::scratch) {}

void Descent::start(const float* exact, const float* q, const AffineMap* maps, int64_t rows) {
  const int64_t n = problem_.columns, g = problem_.group_size;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) {
      const AffineMap& map = maps[r * groups_ + i / g];
      error_.as<float>()[r * n + i] = (q[r * n + i] - map.zero) * (1.0f / map.inverse_scale) - exact[r * n + i];
    }
  }
  std::fill_n(gradient_.as<float>(), rows * n, 0.0f);
  add_row_product(error_.as<float>(), n, rows, problem_.h, n, n, 0, n, gradient_.as<float>(), n);
}

void Descent::run(const float* exact, float* q, AffineMap* maps, int64_t rows, int passes) {
  const int64_t n = problem_.columns, g = problem_.group_size;
  start(exact, q, maps, rows);
  for (int pass = 0; pass < passes; ++pass) {
    for (int64_t begin = 0; begin < n; begin += g) {
      load_group(begin);
      for (int64_t r = 0; r < rows; ++r) {
        improve_group(q + r * n + begin, maps[r * groups_ + begin / g], gradient_.as<float>() + r * n + begin, change_.as<float>() + r * g);
      }
      add_row_product(change_.as<float>(), g, rows, problem_.h + begin * n, n, g, 0, n, gradient_.as<float>(), n);
    }
  }
}

void Descent::load_group(int64_t begin) {
  const int64_t n = problem_.columns, g = problem_.group_size;
  for (int64_t i = 0; i < g; ++i) {
    float* row = block_.as<float>() + i * g;
    std::copy_n(problem_.h + (begin + i) * n + begin, g, row);
    ones_.as<float>()[i] = static_cast<float>(sum_of(row, g));
  }
  all_ones_ = sum_of(ones_.as<float>(), g);
}

void Descent::improve_group(float* q, AffineMap& map, const float* gradient, float* change) {
  std::copy_n(gradient, problem_.group_size, local_.as<float>());
  std::fill_n(change, problem_.group_size, 0.0f);
  improve_integers(q, 1.0f / map.inverse_scale, change);
  if (problem_.fit_maps) improve_map(q, map, change);
}

void Descent::improve_integers(float* q, float scale, float* change) {
  const int64_t g = problem_.group_size;
  float* local = local_.as<float>();
  for (int round = 0; round < kInnerRounds; ++round) {
    bool moved = false;
    for (int64_t j = 0; j < g; ++j) {
      const float* row = block_.as<float>() + j * g;
      const float wanted = q[j] - local[j] / (scale * row[j]);
      const float better = (std::clamp(wanted, 0.0f, problem_.max_value) + kRounder) - kRounder;
      if (better == q[j]) continue;
      const float step = scale * (better - q[j]);
      q[j] = better;
      change[j] += step;
      add_scaled(step, row, g, local);
      moved = true;
    }
    if (!moved) return;
  }
}

/// Moves w' = scale * q + offset by the ds, db that minimise the error: [q 1] H [q 1]^T (ds, db) = -(q, 1) H e^T.
void Descent::improve_map(const float* q, AffineMap& map, float* change) {
  const int64_t g = problem_.group_size;
  const float *local = local_.as<float>(), *block = block_.as<float>();
  float* image = image_.as<float>();
  std::fill_n(image, g, 0.0f);
  for (int64_t j = 0; j < g; ++j) {
    if (q[j] != 0) add_scaled(q[j], block + j * g, g, image);
  }
  const double qq = dot(q, image, g), q1 = sum_of(image, g);
  const double q_rest = -dot(q, local, g), ones_rest = -sum_of(local, g);
  const double determinant = qq * all_ones_ - q1 * q1;
  if (!(determinant > kLeastDeterminant * qq * all_ones_)) return;
  const double scale = 1.0 / static_cast<double>(map.inverse_scale);
  const double fitted_scale = scale + (q_rest * all_ones_ - ones_rest * q1) / determinant;
  const double fitted_offset = -scale * map.zero + (ones_rest * qq - q_rest * q1) / determinant;
  if (!(fitted_scale * kLargestInverseScale >= 1.0) || !std::isfinite(fitted_scale) || !std::isfinite(fitted_offset)) return;
  const AffineMap fitted{static_cast<float>(1.0 / fitted_scale), static_cast<float>(-fitted_offset / fitted_scale)};
  const float before = 1.0f / map.inverse_scale, after = 1.0f / fitted.inverse_scale;
  for (int64_t j = 0; j < g; ++j) change[j] += (q[j] - fitted.zero) * after - (q[j] - map.zero) * before;
  map = fitted;
}

}  // namespace hqq
