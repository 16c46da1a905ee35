#include "cuda/reduce.cuh"

#include "cuda/launch.h"
#include "cuda/reduce_kernel.cuh"

namespace hqq::cuda {

void total_rows(const float* values, int64_t rows, int64_t count, double* out, cudaStream_t stream) {
  launch(reduce_rows<Add>, {rows, kReduceThreads}, stream, values, count, out);
}

void largest_of_rows(const float* values, int64_t rows, int64_t count, double* out, cudaStream_t stream) {
  launch(reduce_rows<Largest>, {rows, kReduceThreads}, stream, values, count, out);
}

}  // namespace hqq::cuda
