// H^-1 = U^T U without forming the inverse: with H = R R^T, R upper triangular, U is R^-1. R comes from an ordinary Cholesky
// factorization of H with rows and columns in reverse order.
#include <cmath>
#include <vector>

#include "core/thread_pool.h"
#include "quant/compensated.h"

namespace hqq {
namespace {

constexpr int64_t kBlock = 64;
constexpr int64_t kRowsPerPiece = 16;

double dot(const double* a, const double* b, int64_t n) {
  double lanes[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int k = 0; k < 4; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  for (; i < n; ++i) lanes[0] += a[i] * b[i];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/// In place: the lower triangle of `a` [n, n] becomes L with A = L L^T. Block by block, so that rows are read from the cache.
void factorize(double* a, int64_t n, const Reporter& reporter) {
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    check_cancelled(reporter);
    const int64_t end = std::min(n, begin + kBlock);
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = begin; j <= i; ++j) {
        const double rest = a[i * n + j] - dot(a + i * n, a + j * n, j);
        if (j < i) {
          a[i * n + j] = rest / a[j * n + j];
          continue;
        }
        require(rest > 0 && std::isfinite(rest), ErrorCode::internal, "the moments of a layer's input are not positive definite");
        a[i * n + i] = std::sqrt(rest);
      }
    }
    parallel_for(n - end, kRowsPerPiece, [&](int64_t first, int64_t last) {
      for (int64_t i = end + first; i < end + last; ++i) {
        for (int64_t j = begin; j < end; ++j) a[i * n + j] = (a[i * n + j] - dot(a + i * n, a + j * n, j)) / a[j * n + j];
      }
    });
  }
}

}  // namespace

Buffer inverse_cholesky(const float* full, int64_t n, double damping, const Reporter& reporter) {
  const Buffer factor(n * n * 8, MemoryUse::scratch);
  double* l = factor.as<double>();
  // Reversed: element (i, j) of the factor's matrix is (n - 1 - i, n - 1 - j) of H, whose lower triangle is known.
  parallel_for(n, kRowsPerPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t j = 0; j <= i; ++j) l[i * n + j] = full[(n - 1 - j) * n + (n - 1 - i)];
      l[i * n + i] += damping;
    }
  });
  factorize(l, n, reporter);
  // Rows of the inverse of L, one after the other for each column of the identity; reversed back they are the rows of U.
  Buffer upper(n * n * 4, MemoryUse::scratch);
  parallel_for(n, kRowsPerPiece, [&](int64_t begin, int64_t end) {
    std::vector<double> x(static_cast<size_t>(n));
    for (int64_t column = begin; column < end; ++column) {
      // L x = e_column
      for (int64_t i = column; i < n; ++i) {
        const double rest = (i == column ? 1.0 : 0.0) - dot(l + i * n + column, x.data() + column, i - column);
        x[static_cast<size_t>(i)] = rest / l[i * n + i];
        upper.as<float>()[(n - 1 - i) * n + (n - 1 - column)] = static_cast<float>(x[static_cast<size_t>(i)]);
      }
    }
  });
  return upper;
}

}  // namespace hqq
