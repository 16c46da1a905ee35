// The product that error feedback and descent spend their time in.
#pragma once

#include <cstdint>

namespace hqq {

/// y[r][c] += sum over k of x[r][k] * m[k][c] for c in [from, to); strides in floats. The result does not depend on threads.
void add_row_product(const float* x, int64_t x_stride, int64_t rows, const float* m, int64_t m_stride, int64_t depth, int64_t from,
                     int64_t to, float* y, int64_t y_stride);

}  // namespace hqq
