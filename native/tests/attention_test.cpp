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

struct Limits {
  int64_t window = 0;
  float softcap = 0.0f;
  int64_t batch = 64;  // tokens that the cache expects at once: with a window it keeps little more
};

/// `rows` queries that see 1 .. up to `positions` keys each.
void check_attention(int64_t rows, int64_t positions, int64_t head_dim, float key_scale, const Limits& limits = {}) {
  KvCache cache({limits.window}, 1, head_dim, positions, limits.batch);
  cache.begin(0, positions);
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
                       .window = limits.window,
                       .keys = cache.keys(0, 0),
                       .values = cache.values(0, 0),
                       .slots = cache.slots(0),
                       .dim = cache.dim(),
                       .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                       .softcap = limits.softcap,
                       .out = out.data()});
  std::vector<float> want(static_cast<size_t>(head_dim));
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t end = visible[static_cast<size_t>(r)];
    const int64_t first = limits.window > 0 ? std::max<int64_t>(0, end - limits.window) : 0;
    reference::attention(q.data() + r * head_dim, k.data() + first * head_dim, v.data() + first * head_dim, end - first,
                         head_dim, limits.softcap, want.data());
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

TEST("attention: sliding windows over a ring of positions") {
  test::at_every_level([] {
    for (const int64_t window : {1, 5, 16, 64, 100})
      for (const int64_t positions : {1, 17, 64, 130, 500})
        check_attention(positions % 5 + 1, positions, 32, 1.0f, {.window = window});
  });
}

TEST("attention: soft-capped scores") {
  test::at_every_level([] {
    check_attention(7, 200, 32, 3.0f, {.softcap = 5.0f});
    check_attention(7, 200, 32, 3.0f, {.window = 33, .softcap = 50.0f});
  });
}

TEST("a ring knows which windows it still holds") {
  KvCache cache({100, 0}, 1, 16, 1000, 64);
  CHECK_EQ(cache.slots(0), 192);
  CHECK_EQ(cache.slots(1), 1024);
  cache.begin(0, 64);
  CHECK(cache.holds_window_of(0) && cache.holds_window_of(64));
  cache.begin(64, 400);
  CHECK(cache.holds_window_of(464));
  CHECK(cache.holds_window_of(371));   // sees from 272 on; 464 positions, 192 slots
  CHECK(!cache.holds_window_of(370));
  cache.begin(400, 1);
  CHECK(!cache.holds_window_of(300));  // going back brings nothing back
  cache.begin(0, 10);
  CHECK(cache.holds_window_of(10));
}

TEST("norm and activation of any length") {
  test::at_every_level([] {
    for (const int64_t n : {1, 7, 16, 17, 64, 172, 576}) {
      const auto x = normal_values(n, 5), w = normal_values(n, 6), up = normal_values(n, 7);
      std::vector<float> got(static_cast<size_t>(n)), want(got.size());
      kernels().rms_norm(x.data(), w.data(), 1e-5f, n, got.data());
      reference::rms_norm(x.data(), w.data(), 1e-5, n, want.data());
      CHECK(relative_error(got.data(), want.data(), n) <= kTolerance, "rms_norm of ", n);
      const auto bias = normal_values(n, 8);
      kernels().layer_norm(x.data(), w.data(), bias.data(), 1e-5f, n, got.data());
      reference::layer_norm(x.data(), w.data(), bias.data(), 1e-5, n, want.data());
      CHECK(relative_error(got.data(), want.data(), n) <= kTolerance, "layer_norm of ", n);
      for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::quick_gelu,
                                          Activation::relu, Activation::silu})
        for (const float* times : {static_cast<const float*>(nullptr), up.data()}) {
          kernels().activate(activation, x.data(), times, n, got.data());
          reference::activate(activation, x.data(), times, n, want.data());
          CHECK(relative_error(got.data(), want.data(), n) <= kTolerance, "activation ", static_cast<int>(activation),
                " of ", n);
        }
      kernels().add(got.data(), x.data(), n);
      for (int64_t i = 0; i < n; ++i)
        CHECK_NEAR(got[static_cast<size_t>(i)], want[static_cast<size_t>(i)] + x[static_cast<size_t>(i)], 1e-5);
    }
  });
}

TEST("soft-capping") {
  test::at_every_level([] {
    auto x = normal_values(37, 10, 40.0f);
    const auto source = x;
    kernels().softcap(x.data(), 30.0f, 37);
    for (size_t i = 0; i < x.size(); ++i) CHECK_NEAR(x[i], reference::softcap(source[i], 30.0), 2e-5);
  });
}

TEST("activations saturate at both ends") {
  test::at_every_level([] {
    const float gate[] = {-200.0f, -88.0f, 0.0f, 88.0f, 200.0f}, up[] = {1, 1, 1, 1, 1};
    float y[5];
    for (const Activation activation : {Activation::silu, Activation::gelu, Activation::gelu_tanh}) {
      kernels().activate(activation, gate, up, 5, y);
      CHECK_NEAR(y[0], 0.0, 1e-30);
      CHECK_NEAR(y[1], 0.0, 1e-30);
      CHECK_EQ(y[2], 0.0f);
      CHECK_EQ(y[3], 88.0f);
      CHECK_EQ(y[4], 200.0f);
    }
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
