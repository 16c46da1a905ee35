// Totals over the rows of a float32 matrix in float64, in an order that depends on its shape alone.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace hqq::cuda {

/// values: [rows, count]; out: [rows]. Asynchronous.
void total_rows(const float* values, int64_t rows, int64_t count, double* out, cudaStream_t stream);
/// The same for the largest value of each row, none of them negative.
void largest_of_rows(const float* values, int64_t rows, int64_t count, double* out, cudaStream_t stream);

}  // namespace hqq::cuda
