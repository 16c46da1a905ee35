#include "quant/row_product.h"

#include "cpu/kernels.h"

namespace hqq {
namespace {

/// Columns that the matrix kernel takes at once.
constexpr int64_t kPanel = 16;

}  // namespace

void add_row_product(const float* x, int64_t x_stride, int64_t rows, const float* m, int64_t m_stride, int64_t depth, int64_t from,
                     int64_t to, float* y, int64_t y_stride) {
  int64_t c = from;
  for (; c + kPanel <= to; c += kPanel) {
    kernels().panel_gemm(x, x_stride, rows, m + c, m_stride, depth, y + c, y_stride, true);
  }
  for (; c < to; ++c) {
    for (int64_t r = 0; r < rows; ++r) {
      float sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += x[r * x_stride + k] * m[k * m_stride + c];
      y[r * y_stride + c] += sum;
    }
  }
}

}  // namespace hqq
