// Coordinate descent on the integers and maps of rows whose errors are weighed by a whole matrix.
#include "quant/descent.h"

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/check.h"

namespace hqq {
namespace {

constexpr int64_t kColumns = 48, kRows = 5;

struct Case {
  std::vector<float> h, exact, q;
  std::vector<AffineMap> maps;
  int64_t group;
};

/// A positive definite matrix with strong correlations, and plain rounding of random weights on each group's range.
Case rounded_case(int64_t group, float max_value, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Case c{std::vector<float>(kColumns * kColumns), std::vector<float>(kRows * kColumns), std::vector<float>(kRows * kColumns), {}, group};
  for (int t = 0; t < 90; ++t) {
    std::vector<float> x(kColumns);
    float carried = 0;
    for (float& v : x) v = carried = 0.9f * carried + normal(random);
    for (size_t i = 0; i < kColumns; ++i) {
      for (size_t j = 0; j < kColumns; ++j) c.h[i * kColumns + j] += x[i] * x[j] / 90;
    }
  }
  for (size_t i = 0; i < kColumns; ++i) c.h[i * kColumns + i] += 0.01f;
  for (float& w : c.exact) w = 0.05f * normal(random);
  for (size_t begin = 0; begin < c.exact.size(); begin += static_cast<size_t>(group)) {
    const auto first = c.exact.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto [low, high] = std::minmax_element(first, first + group);
    const AffineMap map{max_value / (*high - *low), -*low * max_value / (*high - *low)};
    for (size_t i = begin; i < begin + static_cast<size_t>(group); ++i) c.q[i] = std::nearbyint(c.exact[i] * map.inverse_scale + map.zero);
    c.maps.push_back(map);
  }
  return c;
}

double row_error(const Case& c, int64_t row) {
  std::vector<double> e(kColumns);
  for (int64_t i = 0; i < kColumns; ++i) {
    const auto at = static_cast<size_t>(row * kColumns + i);
    const AffineMap& map = c.maps[at / static_cast<size_t>(c.group)];
    e[static_cast<size_t>(i)] = (static_cast<double>(c.q[at]) - map.zero) / map.inverse_scale - c.exact[at];
  }
  double sum = 0;
  for (size_t i = 0; i < kColumns; ++i) {
    for (size_t j = 0; j < kColumns; ++j) sum += e[i] * e[j] * c.h[i * kColumns + j];
  }
  return sum;
}

}  // namespace

TEST("every pass lowers the error of every row or leaves it, and integers stay in range") {
  for (const int64_t group : {8, 16, 48}) {
    for (const float max_value : {3.0f, 15.0f}) {
      Case c = rounded_case(group, max_value, static_cast<uint32_t>(group));
      Descent descent({c.h.data(), kColumns, group, max_value}, kRows);
      double before[kRows], first[kRows];
      for (int64_t r = 0; r < kRows; ++r) before[r] = first[r] = row_error(c, r);
      for (int pass = 0; pass < 4; ++pass) {
        descent.run(c.exact.data(), c.q.data(), c.maps.data(), kRows, 1);
        for (int64_t r = 0; r < kRows; ++r) {
          const double now = row_error(c, r);
          CHECK(now <= before[r] * (1 + 1e-5), "g", group, ", row ", r, ", pass ", pass, ": ", before[r], " to ", now);
          before[r] = now;
        }
      }
      for (int64_t r = 0; r < kRows; ++r) CHECK(before[r] < 0.9 * first[r], before[r], " from ", first[r]);
      for (const float q : c.q) CHECK(q >= 0 && q <= max_value && q == std::nearbyint(q));
      for (const AffineMap& map : c.maps) CHECK(map.inverse_scale > 0 && std::isfinite(map.inverse_scale) && std::isfinite(map.zero));
    }
  }
}

TEST("maps that are to stay do, and the integers alone lower the error") {
  Case c = rounded_case(16, 3.0f, 7);
  const Case start = c;
  Descent({c.h.data(), kColumns, 16, 3.0f, false}, kRows).run(c.exact.data(), c.q.data(), c.maps.data(), kRows, 3);
  for (size_t i = 0; i < c.maps.size(); ++i) {
    CHECK(c.maps[i].inverse_scale == start.maps[i].inverse_scale && c.maps[i].zero == start.maps[i].zero);
  }
  for (int64_t r = 0; r < kRows; ++r) CHECK(row_error(c, r) < row_error(start, r));
}

}  // namespace hqq
