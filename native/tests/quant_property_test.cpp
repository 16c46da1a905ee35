// The fast quantizer against the readable one (quant/reference.h) on random shapes, configs and kinds of weights: every bit must
// agree, at every SIMD level and thread count.
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "quant/dequantize.h"
#include "quant/meta.h"
#include "quant/quantize.h"
#include "quant/reference.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

struct Problem {
  Shape shape;
  QuantConfig config;
  std::vector<float> weight;
  std::string text;
};

using Random = std::mt19937;
int64_t pick(Random& random, int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

int64_t random_divisor(Random& random, int64_t n) {
  std::vector<int64_t> divisors;
  for (int64_t d = 1; d * d <= n; ++d) {
    if (n % d == 0) divisors.insert(divisors.end(), {d, n / d});
  }
  return divisors[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(divisors.size()) - 1))];
}

/// Weights of one of several kinds, among them those at which rounding is delicate.
std::vector<float> random_weights(Random& random, int64_t n, int kind) {
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> w(static_cast<size_t>(n));
  const float shift = normal(random) * 20.0f;
  for (float& v : w) {
    v = normal(random);
    switch (kind) {
      case 1: v *= pick(random, 0, 40) == 0 ? 60.0f : 1.0f; break;                          // outliers, so that shrinkage acts
      case 2: v = static_cast<float>(pick(random, -8, 8)) * 0.03125f; break;                // lattice: ties
      case 3: v = shift; break;                                                             // constant
      case 4: v = shift + v * 1e-3f; break;                                                 // small range around the guard
      case 5: v *= 100.0f; break;                                                           // large: shrinkage everywhere
      case 6: v = f16_to_f32(f32_to_f16(v)); break;
      case 7: v = pick(random, 0, 9) == 0 ? v : 0.0f; break;                                // mostly zero
      default: break;
    }
  }
  return w;
}

Problem random_problem(uint32_t seed) {
  Random random(seed);
  Problem p;
  p.shape = {pick(random, 1, 96), pick(random, 1, 160)};
  if (seed % 17 == 0) p.shape = {pick(random, 1, 3), pick(random, 3000, 9000)};
  if (seed % 19 == 0) p.shape = {pick(random, 300, 700), pick(random, 30, 70)};
  const int64_t n = numel(p.shape);
  constexpr int kBits[] = {8, 6, 5, 4, 3, 2, 1};
  p.config.nbits = kBits[pick(random, 0, 6)];
  p.config.axis = static_cast<int>(pick(random, 0, 1));
  p.config.group_size = pick(random, 0, 4) == 0 ? 0 : random_divisor(random, n);
  p.config.channel_wise = pick(random, 0, 15) != 0;
  p.config.round_zero = pick(random, 0, 1) == 0;
  p.config.optimize = pick(random, 0, 7) != 0;
  const int kind = static_cast<int>(pick(random, 0, 7));
  p.weight = random_weights(random, n, kind);
  p.text = test::describe("seed ", seed, ", ", to_string(p.shape), ", ", p.config.nbits, " bit, group ", p.config.group_size,
                          ", axis ", p.config.axis, ", kind ", kind);
  return p;
}

void check_equal(const Problem& p, const ReferenceResult& expected) {
  QuantStats stats;
  const QuantizedTensor ours = quantize({p.weight.data(), DType::f32, p.shape}, p.config, PackFormat::dense, &stats);
  std::vector<uint8_t> q(expected.q.size());
  unpack(ours, q.data());
  CHECK_EQ(static_cast<size_t>(meta_count(ours.scale)), expected.scale.size());
  CHECK(std::memcmp(ours.scale.values.data(), expected.scale.data(), expected.scale.size() * 4) == 0, p.text, ": scale");
  for (size_t i = 0; i < expected.zero.size(); ++i) {
    CHECK(ours.zero.values.as<float>()[i] == expected.zero[i], p.text, ": zero ", i, ", steps ", stats.iterations, " and ",
          expected.errors.size());
  }
  CHECK(q == expected.q, p.text, ": integers");
  CHECK_EQ(static_cast<size_t>(stats.iterations), expected.errors.size());

  std::vector<float> back(p.weight.size());
  dequantize(ours, back.data());
  double sum = 0, largest = 0;
  for (size_t i = 0; i < back.size(); ++i) {
    const double error = std::fabs(static_cast<double>(p.weight[i]) - static_cast<double>(back[i]));
    sum += error;
    largest = std::max(largest, error);
  }
  const double mean = sum / static_cast<double>(back.size());
  CHECK_NEAR(stats.mean_abs_error, mean, 1e-5 * mean + 1e-9);
  CHECK_NEAR(stats.max_abs_error, largest, 1e-5 * largest + 1e-9);
}

}  // namespace

TEST("random problems: fast and readable quantizer agree at every level") {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    const Problem p = random_problem(seed);
    const ReferenceResult expected = quantize_reference(p.weight, p.shape, p.config);
    test::at_every_level([&] { check_equal(p, expected); });
  }
}

TEST("random problems: no thread count changes a bit") {
  for (uint32_t seed = 1000; seed <= 1040; ++seed) {
    const Problem p = random_problem(seed);
    const ReferenceResult expected = quantize_reference(p.weight, p.shape, p.config);
    test::at_every_thread_count([&] { check_equal(p, expected); });
  }
}

TEST("a matrix of many parallel chunks agrees too") {
  Random random(5);
  for (const int axis : {0, 1}) {
    Problem p;
    p.shape = {384, 768};
    p.config.axis = axis;
    p.config.nbits = 3;
    p.weight = random_weights(random, numel(p.shape), 0);
    p.text = test::describe("384 x 768, axis ", axis);
    const ReferenceResult expected = quantize_reference(p.weight, p.shape, p.config);
    test::at_every_level([&] { check_equal(p, expected); });
    test::at_every_thread_count([&] { check_equal(p, expected); });
  }
}

}  // namespace hqq
