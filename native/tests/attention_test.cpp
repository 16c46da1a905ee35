// Attention, norms and activations of every SIMD level against cpu/reference.h; relative tolerance 1e-5 of the root
// mean square (float32 exponentials good to 2 ulp, other summation order).
#include <cmath>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/reference.h"
#include "model/kv_cache.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"
#include "tests/support/random_values.h"

using namespace hqq;
using test::normal_values;
using test::relative_error;

namespace {

constexpr double kTolerance = 1e-5;

/// `rows` queries that see 1 .. up to `positions` keys each.
void check_attention(int64_t rows, int64_t positions, int64_t head_dim, float key_scale) {
  KvCache cache(1, 1, head_dim, positions);
  const auto k = normal_values(positions * head_dim, 1, key_scale), v = normal_values(positions * head_dim, 2);
  for (int64_t p = 0; p < positions; ++p) cache.store(0, 0, p, k.data() + p * head_dim, v.data() + p * head_dim);
  const auto q = normal_values(rows * head_dim, 3, key_scale);
  std::vector<float> padded(static_cast<size_t>(rows * cache.dim()), 0.0f), out(padded.size());
  std::vector<int64_t> visible(static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(q.data() + r * head_dim, head_dim, padded.data() + r * cache.dim());
    visible[static_cast<size_t>(r)] = std::max<int64_t>(1, positions - (rows - 1 - r) * 5);
  }
  kernels().attention({.q = padded.data(),
                       .rows = rows,
                       .visible = visible.data(),
                       .keys = cache.keys(0, 0),
                       .values = cache.values(0, 0),
                       .dim = cache.dim(),
                       .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                       .out = out.data()});
  std::vector<float> want(static_cast<size_t>(head_dim));
  for (int64_t r = 0; r < rows; ++r) {
    reference::attention(q.data() + r * head_dim, k.data(), v.data(), visible[static_cast<size_t>(r)], head_dim,
                         want.data());
    const double error = relative_error(out.data() + r * cache.dim(), want.data(), head_dim);
    CHECK(error <= kTolerance, rows, " rows, ", positions, " positions, head ", head_dim, ": row ", r, " off by ",
          error);
  }
}

}  // namespace

TEST("attention: head sizes, lengths around block borders, partly visible rows") {
  test::at_every_level([] {
    for (const int64_t dim : {8, 16, 24, 64, 80, 128})
      for (const int64_t positions : {1, 15, 16, 17, 63, 64, 65, 200})
        check_attention(positions % 7 + 1, positions, dim, 1.0f);
    check_attention(kMaxAttentionRows, 300, 64, 1.0f);
  });
}

TEST("attention: scores far apart do not overflow") {
  test::at_every_level([] { check_attention(4, 130, 32, 8.0f); });
}

TEST("norm and activation of any length") {
  test::at_every_level([] {
    for (const int64_t n : {1, 7, 16, 17, 64, 172, 576}) {
      const auto x = normal_values(n, 5), w = normal_values(n, 6), up = normal_values(n, 7);
      std::vector<float> got(static_cast<size_t>(n)), want(got.size());
      kernels().rms_norm(x.data(), w.data(), 1e-5f, n, got.data());
      reference::rms_norm(x.data(), w.data(), 1e-5, n, want.data());
      CHECK(relative_error(got.data(), want.data(), n) <= kTolerance, "rms_norm of ", n);
      kernels().swiglu(x.data(), up.data(), n, got.data());
      reference::swiglu(x.data(), up.data(), n, want.data());
      CHECK(relative_error(got.data(), want.data(), n) <= kTolerance, "swiglu of ", n);
      kernels().add(got.data(), x.data(), n);
      for (int64_t i = 0; i < n; ++i)
        CHECK_NEAR(got[static_cast<size_t>(i)], want[static_cast<size_t>(i)] + x[static_cast<size_t>(i)], 1e-5);
    }
  });
}

TEST("swiglu saturates at both ends") {
  test::at_every_level([] {
    const float gate[] = {-200.0f, -88.0f, 0.0f, 88.0f, 200.0f}, up[] = {1, 1, 1, 1, 1};
    float y[5];
    kernels().swiglu(gate, up, 5, y);
    CHECK_NEAR(y[0], 0.0, 1e-30);
    CHECK_NEAR(y[1], 0.0, 1e-30);
    CHECK_EQ(y[2], 0.0f);
    CHECK_EQ(y[3], 88.0f);
    CHECK_EQ(y[4], 200.0f);
  });
}

TEST("log-sum-exp of a vocabulary") {
  test::at_every_level([] {
    for (const int64_t n : {1, 15, 16, 100, 49152}) {
      const auto x = normal_values(n, 9, 5.0f);
      float max, sum;
      kernels().log_sum_exp(x.data(), n, &max, &sum);
      double total = 0;
      for (const float v : x) total += std::exp(static_cast<double>(v) - max);
      CHECK_NEAR(std::log(static_cast<double>(sum)), std::log(total), 1e-6);
    }
  });
}
