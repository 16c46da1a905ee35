#include "cuda/metadata.cuh"

#include "cuda/launch.h"
#include "cuda/metadata_kernel.cuh"

namespace hqq::cuda {
namespace {

LaunchShape shape_of(int64_t count) { return {(count + kMetadataThreads - 1) / kMetadataThreads, kMetadataThreads}; }

}  // namespace

void reciprocals(const float* in, int64_t count, float* out, cudaStream_t stream) {
  launch(reciprocals_kernel, shape_of(count), stream, in, count, out);
}

void round_to(DType type, const float* in, int64_t count, void* out, cudaStream_t stream) {
  launch(round_to_kernel, shape_of(count), stream, type, in, count, out);
}

void dequantize_bytes(const uint8_t* q, const float* scale, const float* zero, int64_t groups, int64_t count,
                      float* out, cudaStream_t stream) {
  launch(dequantize_bytes_kernel, shape_of(count), stream, q, scale, zero, groups, count, out);
}

}  // namespace hqq::cuda
