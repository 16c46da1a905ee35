// The least-squares fit of a group's map: never worse than what it starts from, equal at every SIMD level and thread count, and sane
// where a group gives it nothing to work with.
#include "quant/refined.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/thread_pool.h"
#include "quant/dequantize.h"
#include "quant/group_fit.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

struct Matrix {
  Shape shape;
  std::vector<float> values;
  TensorView view() const { return {values.data(), DType::f32, shape}; }
};

/// Normal weights with a few far outliers, as trained matrices have them.
Matrix heavy_tailed(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.03f);
  Matrix matrix{{rows, cols}, std::vector<float>(static_cast<size_t>(rows * cols))};
  for (float& v : matrix.values) v = random() % 200 == 0 ? normal(random) * 8.0f : normal(random);
  return matrix;
}

QuantConfig config_with(int nbits, int64_t group_size, int axis) {
  QuantConfig config;
  config.nbits = nbits;
  config.group_size = group_size;
  config.axis = axis;
  return config;
}

std::vector<float> restored(const QuantizedTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(numel(tensor.shape)));
  dequantize(tensor, values.data());
  return values;
}

double weighted_error(const Matrix& matrix, const QuantizedTensor& tensor, const std::vector<float>& h) {
  const std::vector<float> back = restored(tensor);
  double sum = 0;
  for (size_t i = 0; i < back.size(); ++i) {
    const double error = static_cast<double>(matrix.values[i]) - back[i];
    sum += static_cast<double>(h[i % h.size()]) * error * error;
  }
  return sum;
}

bool same_bits(const QuantizedTensor& a, const QuantizedTensor& b) {
  const auto equal = [](const Buffer& x, const Buffer& y) {
    return x.bytes() == y.bytes() && std::memcmp(x.data(), y.data(), static_cast<size_t>(x.bytes())) == 0;
  };
  return equal(a.packed, b.packed) && equal(a.scale.values, b.scale.values) && equal(a.zero.values, b.zero.values);
}

QuantizedTensor by_method(const char* name, const Matrix& matrix, const QuantConfig& config) {
  return quant_method(name).quantize(matrix.view(), config, PackFormat::dense, nullptr, nullptr, nullptr);
}

}  // namespace

TEST("refined is never worse than rtn or hqq in squared error, and well below them at few bits") {
  const Matrix matrix = heavy_tailed(96, 320, 1);
  const std::vector<float> alike(1, 1.0f);
  for (const int nbits : {8, 6, 5, 4, 3, 2, 1}) {
    for (const auto& [group, axis] : std::vector<std::pair<int64_t, int>>{{64, 1}, {8, 1}, {20, 1}, {0, 1}, {32, 0}, {0, 0}}) {
      const QuantConfig config = config_with(nbits, group, axis);
      const double rtn = weighted_error(matrix, by_method("rtn", matrix, config), alike);
      const double hqq = weighted_error(matrix, by_method("hqq", matrix, config), alike);
      const double refined = weighted_error(matrix, by_method("refined", matrix, config), alike);
      CHECK(refined <= std::min(rtn, hqq) * (1 + 1e-6), nbits, " bit, group ", group, ", axis ", axis, ": ", refined, " vs ", rtn, ", ", hqq);
      if (nbits == 2 && group == 64) CHECK(refined < 0.7 * hqq, refined, " vs ", hqq);
    }
  }
}

TEST("column weights move the error to where it counts less") {
  const Matrix matrix = heavy_tailed(64, 256, 2);
  std::vector<float> h(256);
  for (size_t i = 0; i < h.size(); ++i) h[i] = i % 16 == 0 ? 100.0f : 1.0f;
  for (const int axis : {1, 0}) {
    const QuantConfig config = config_with(3, 64, axis);
    const QuantizedTensor plain = quantize_refined(matrix.view(), config, PackFormat::dense, nullptr, nullptr, nullptr);
    const QuantizedTensor weighted = quantize_refined(matrix.view(), config, PackFormat::dense, h.data(), nullptr, nullptr);
    const double before = weighted_error(matrix, plain, h), after = weighted_error(matrix, weighted, h);
    // At axis 0 a group holds one column, whose weights are all alike.
    CHECK(axis == 1 ? after < 0.8 * before : after <= before * (1 + 1e-6), "axis ", axis, ": ", after, " vs ", before);
  }
}

TEST("the same bits at every SIMD level and thread count") {
  const Matrix matrix = heavy_tailed(40, 240, 3);
  for (const int nbits : {4, 2}) {
    for (const int64_t group : {16, 24, 240}) {
      for (const int axis : {1, 0}) {
        const QuantConfig config = config_with(nbits, group == 240 && axis == 0 ? 40 : group, axis);
        const QuantizedTensor first = by_method("refined", matrix, config);
        const auto same = [&] { CHECK(same_bits(by_method("refined", matrix, config), first), nbits, " bit g", group, " axis ", axis); };
        test::at_every_level(same);
        test::at_every_thread_count(same);
      }
    }
  }
}

TEST("groups that are constant, zero, one outlier or tiny come back as they should") {
  Matrix matrix{{4, 64}, std::vector<float>(256)};
  for (size_t i = 0; i < 64; ++i) {
    matrix.values[i] = 0.25f;                           // constant
    matrix.values[64 + i] = 0.0f;                       // all zero
    matrix.values[128 + i] = i == 17 ? 3.0f : 0.001f;   // one outlier
    matrix.values[192 + i] = static_cast<float>(i) * 1e-7f;  // below what float16 scales can tell apart
  }
  for (const int nbits : {8, 4, 2, 1}) {
    const QuantizedTensor tensor = by_method("refined", matrix, config_with(nbits, 64, 1));
    const std::vector<float> back = restored(tensor);
    std::vector<float> scales(4);
    meta_to_f32(tensor.scale, scales.data());
    for (const float scale : scales) CHECK(std::isfinite(scale) && scale > 0 && scale >= 4.9e-5f, scale);
    for (size_t i = 0; i < 64; ++i) {
      CHECK(std::fabs(back[i] - 0.25f) < 1e-6f, back[i]);
      CHECK(back[64 + i] == 0.0f, back[64 + i]);
      CHECK(std::fabs(back[192 + i] - matrix.values[192 + i]) < 3e-5f, back[192 + i]);
    }
    CHECK(std::fabs(back[128 + 17] - 3.0f) < 0.1f, nbits, " bit: ", back[128 + 17]);
  }
}

TEST("NaN is refused by name, cancelling stops") {
  Matrix matrix = heavy_tailed(16, 64, 4);
  matrix.values[5 * 64 + 7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_CODE(by_method("refined", matrix, config_with(4, 64, 1)), bad_weights);
  class Stopped final : public Reporter {
    void progress(const std::string&) override {}
    void emit(const std::string&) override {}
    bool cancelled() const override { return true; }
  } stopped;
  const Matrix good = heavy_tailed(16, 64, 5);
  CHECK_THROWS_CODE(quantize_refined(good.view(), config_with(4, 64, 1), PackFormat::dense, nullptr, nullptr, &stopped), cancelled);
}

}  // namespace hqq
