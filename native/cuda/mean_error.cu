#include "cuda/mean_error.cuh"

#include <algorithm>

#include "cuda/launch.h"
#include "cuda/mean_error_kernel.cuh"

namespace hqq::cuda {
namespace {

constexpr int64_t kRow = 32;

/// The levels for `n` elements; the pointers are offsets into scratch memory that begins at `scratch`.
ErrorLevels levels_of(int64_t n, float* scratch) {
  const int64_t rows = n / kRow;
  int64_t log_rows = 0;
  while ((int64_t{1} << log_rows) < rows) ++log_rows;
  ErrorLevels levels;
  levels.block_rows = int64_t{1} << std::max<int64_t>(4, log_rows / 4);
  levels.block_count = rows / levels.block_rows;
  levels.segment_count = levels.block_count / levels.block_rows;
  levels.span_count = levels.segment_count / levels.block_rows;
  levels.blocks = scratch;
  levels.segments = levels.blocks + levels.block_count * kRow;
  levels.spans = levels.segments + levels.segment_count * kRow;
  return levels;
}

LaunchShape warps(int64_t count) { return {(count * 32 + kSumThreads - 1) / kSumThreads, kSumThreads}; }

template <typename Weight>
void add_step_as(const ErrorSource& source, float* scratch, float* mean, cudaStream_t stream) {
  const ErrorLevels levels = levels_of(source.weights.numel(), scratch);
  float* const blocks = scratch;
  float* const segments = blocks + levels.block_count * kRow;
  float* const spans = segments + levels.segment_count * kRow;
  launch(source.log_size >= 5 ? block_errors<Weight, false> : block_errors<Weight, true>, warps(levels.block_count),
         stream, source, levels.block_count, levels.block_rows, blocks);
  launch(sum_entries, warps(levels.segment_count), stream, blocks, levels.segment_count, levels.block_rows, segments);
  launch(sum_entries, warps(levels.span_count), stream, segments, levels.span_count, levels.block_rows, spans);
  launch(finish_mean_error<Weight>, {1, 32}, stream, source, levels, mean);
}

}  // namespace

int64_t MeanErrors::scratch_bytes(int64_t elements) {
  const ErrorLevels levels = levels_of(elements, nullptr);
  return (levels.block_count + levels.segment_count + levels.span_count) * kRow * static_cast<int64_t>(sizeof(float));
}

void MeanErrors::add_step(const TrialZeros& zeros, float* mean, cudaStream_t stream) {
  ErrorSource source{weights_, max_value_, inverse_scale_, zeros, -1, -1};
  for (int bits = 0; bits < 62 && weights_.contiguous; ++bits) {
    if (int64_t{1} << bits == weights_.group_size) source.log_size = bits;
  }
  const bool first = lowest_step_ < 0;
  lowest_step_ = first ? zeros.step : std::min(lowest_step_, zeros.step);
  if (!first) source.stale_step = lowest_step_;
  switch (weights_.type) {
    case DType::f32: add_step_as<F32Weight>(source, scratch_, mean, stream); break;
    case DType::f16: add_step_as<F16Weight>(source, scratch_, mean, stream); break;
    case DType::bf16: add_step_as<Bf16Weight>(source, scratch_, mean, stream); break;
    default: break;
  }
}

}  // namespace hqq::cuda
