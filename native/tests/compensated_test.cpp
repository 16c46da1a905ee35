// Error feedback: the factor it needs, and that it lowers what it is meant to lower, the error of the layer's output.
#include "quant/compensated.h"

#include <cmath>
#include <random>
#include <vector>

#include "quant/dequantize.h"
#include "quant/method.h"
#include "tests/support/check.h"
#include "tests/support/every_level.h"

namespace hqq {
namespace {

/// Moments of correlated inputs with a few large columns, as layer inputs have them.
InputMoments correlated(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> shared(static_cast<size_t>(n));
  InputMoments m;
  m.columns = n;
  m.diagonal = Buffer(n * 4, MemoryUse::scratch);
  m.full = Buffer(n * n * 4, MemoryUse::scratch);
  constexpr int kTokens = 400;
  for (int t = 0; t < kTokens; ++t) {
    float carried = 0;
    for (int64_t i = 0; i < n; ++i) {
      carried = 0.8f * carried + normal(random);
      shared[static_cast<size_t>(i)] = carried * (i % 37 == 0 ? 6.0f : 1.0f);
    }
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j <= i; ++j) m.full.as<float>()[i * n + j] += shared[static_cast<size_t>(i)] * shared[static_cast<size_t>(j)] / kTokens;
    }
  }
  for (int64_t i = 0; i < n; ++i) m.diagonal.as<float>()[i] = m.full.as<float>()[i * n + i];
  return m;
}

struct Matrix {
  Shape shape;
  std::vector<float> values;
  TensorView view() const { return {values.data(), DType::f32, shape}; }
};

Matrix normal_matrix(int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.04f);
  Matrix matrix{{rows, cols}, std::vector<float>(static_cast<size_t>(rows * cols))};
  for (float& v : matrix.values) v = normal(random);
  return matrix;
}

QuantConfig config_with(int nbits, int64_t group_size) {
  QuantConfig config;
  config.nbits = nbits;
  config.group_size = group_size;
  return config;
}

/// tr(E H E^T): the mean squared error of the layer's output.
double output_error(const Matrix& matrix, const QuantizedTensor& tensor, const InputMoments& m) {
  const int64_t n = m.columns;
  std::vector<float> back(matrix.values.size());
  dequantize(tensor, back.data());
  double sum = 0;
  for (int64_t r = 0; r < matrix.shape[0]; ++r) {
    for (int64_t i = 0; i < n; ++i) {
      const double a = static_cast<double>(matrix.values[static_cast<size_t>(r * n + i)]) - back[static_cast<size_t>(r * n + i)];
      for (int64_t j = 0; j <= i; ++j) {
        const double b = static_cast<double>(matrix.values[static_cast<size_t>(r * n + j)]) - back[static_cast<size_t>(r * n + j)];
        sum += (i == j ? 1.0 : 2.0) * a * b * static_cast<double>(m.full.as<float>()[i * n + j]);
      }
    }
  }
  return sum;
}

QuantizedTensor by_method(const char* name, const Matrix& matrix, const QuantConfig& config, const InputMoments* m,
                          QuantStats* stats = nullptr) {
  return quant_method(name).quantize(matrix.view(), config, PackFormat::dense, m, stats, nullptr);
}

}  // namespace

TEST("U of the inverse: U^T U H is the identity, for sizes around the block width") {
  NullReporter quiet;
  for (const int64_t n : {1, 5, 63, 64, 65, 130}) {
    const InputMoments m = correlated(n, static_cast<uint32_t>(n));
    const Buffer u = inverse_cholesky(m.full.as<float>(), n, 0.01, quiet);
    const auto at = [&](int64_t i, int64_t j) { return static_cast<double>(m.full.as<float>()[std::max(i, j) * n + std::min(i, j)]) + (i == j ? 0.01 : 0.0); };
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < i; ++j) CHECK(u.as<float>()[i * n + j] == 0.0f, "below the diagonal");
    }
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        double product = 0;  // (U^T U H)(i, j)
        for (int64_t k = 0; k < n; ++k) {
          double inverse = 0;
          for (int64_t r = 0; r <= std::min(i, k); ++r) inverse += static_cast<double>(u.as<float>()[r * n + i]) * u.as<float>()[r * n + k];
          product += inverse * at(k, j);
        }
        CHECK(std::fabs(product - (i == j ? 1.0 : 0.0)) < 2e-3, n, ": ", i, ", ", j, " is ", product);
      }
    }
  }
  const float negative[] = {-1.0f};
  CHECK_THROWS_CODE(inverse_cholesky(negative, 1, 0.01, quiet), internal);
}

TEST("error feedback lowers the error of the output, below weighting alone and far below hqq") {
  const InputMoments m = correlated(192, 3);
  const Matrix matrix = normal_matrix(48, 192, 4);
  for (const int nbits : {4, 3, 2}) {
    for (const int64_t group : {64, 16, 192}) {
      const QuantConfig config = config_with(nbits, group);
      const double hqq = output_error(matrix, by_method("hqq", matrix, config, nullptr), m);
      const double self = output_error(matrix, by_method("self", matrix, config, &m), m);
      QuantStats stats;
      const QuantizedTensor tensor = by_method("self-compensated", matrix, config, &m, &stats);
      const double fed_back = output_error(matrix, tensor, m);
      CHECK(fed_back < 0.75 * self && fed_back < 0.6 * hqq, nbits, " bit g", group, ": ", fed_back, ", ", self, ", ", hqq);
      CHECK(stats.mean_abs_error > 0 && stats.mean_abs_weight > 0.02 && stats.max_abs_error < 1);
    }
  }
}

TEST("integers make up for scales and zeros that are stored as 8 bits") {
  const InputMoments m = correlated(256, 9);
  const Matrix matrix = normal_matrix(64, 256, 10);
  QuantConfig config = config_with(2, 16);
  const double exact = output_error(matrix, by_method("self-compensated", matrix, config, &m), m);
  config.quant_zero = config.quant_scale = true;
  const double stored = output_error(matrix, by_method("self-compensated", matrix, config, &m), m);
  const double without_feedback = output_error(matrix, by_method("self", matrix, config, &m), m);
  CHECK(stored < 1.35 * exact && stored < 0.75 * without_feedback, stored, ", with float scales and zeros ", exact, ", ", without_feedback);
}

TEST("the same bits with any number of threads") {
  const InputMoments m = correlated(96, 5);
  const Matrix matrix = normal_matrix(70, 96, 6);
  const QuantizedTensor first = by_method("self-compensated", matrix, config_with(3, 32), &m);
  test::at_every_thread_count([&] {
    const QuantizedTensor again = by_method("self-compensated", matrix, config_with(3, 32), &m);
    const auto a = first.packed.span<uint8_t>(), b = again.packed.span<uint8_t>();
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
  });
}

TEST("where feedback cannot work or nothing was measured, the methods do without") {
  const InputMoments m = correlated(64, 7);
  const Matrix matrix = normal_matrix(32, 64, 8);
  QuantConfig columns = config_with(4, 32);
  columns.axis = 0;
  CHECK(!can_compensate(resolve_grouping(columns, matrix.shape), matrix.shape));
  const auto same = [](const QuantizedTensor& a, const QuantizedTensor& b) {
    const auto x = a.packed.span<uint8_t>(), y = b.packed.span<uint8_t>();
    return std::equal(x.begin(), x.end(), y.begin(), y.end());
  };
  CHECK(same(by_method("self-compensated", matrix, columns, &m), by_method("self", matrix, columns, &m)));
  CHECK(same(by_method("self-compensated", matrix, config_with(4, 32), nullptr), by_method("refined", matrix, config_with(4, 32), nullptr)));
  CHECK(same(by_method("self", matrix, config_with(4, 32), nullptr), by_method("refined", matrix, config_with(4, 32), nullptr)));
}

}  // namespace hqq
