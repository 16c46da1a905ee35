// PyTorch's sum of a contiguous float32 tensor on one thread, in parallel: rows of 32 lanes (four vectors of eight) are
// added in blocks, blocks in segments, segments in spans, each level on its own, so all sums of a level are
// independent.
#pragma once

#include "cuda/mean_error.cuh"
#include "cuda/solver_step.cuh"

namespace hqq::cuda {

constexpr int kSumThreads = 256;

struct ErrorSource {
  GroupedWeights weights;
  float max_value;
  const float* inverse_scale;
  TrialZeros zeros;
  int log_size;    // of contiguous groups, where that is a power of two, else -1
  int stale_step;  // sums over contiguous groups that have all settled by then are right already; -1: none are
};

__device__ __forceinline__ int64_t group_of(const ErrorSource& source, int64_t element) {
  if (!source.weights.contiguous) return element % source.weights.cols;
  return source.log_size >= 0 ? element >> source.log_size : element / source.weights.group_size;
}

/// A group's affine map at the step in question, in units of 1/256.
struct ErrorAffine {
  float unit, reciprocal, zero;
  bool plain;  // the scale is far from where a reciprocal could leave float32's range

  __device__ __forceinline__ void load(const ErrorSource& source, int64_t group) {
    unit = source.inverse_scale[group] * kStepUnit;
    reciprocal = __frcp_rn(unit);
    zero = source.zeros.zero[group] * kStepUnit;
    if (source.zeros.settled[group] > source.zeros.step) zero = source.zeros.moving[group] * kStepUnit;
    plain = unit > 1e-18f && unit < 1e18f;
  }

  /// |w - (q - zero) / s|, the quotient correctly rounded: two corrections of a product with the reciprocal.
  __device__ __forceinline__ float abs_error(float w, float max_value) const {
    const float difference = __fsub_rn(rounded(__fmul_rn(w, unit), zero, max_value), zero);
    float quotient = __fmul_rn(difference, reciprocal);
    quotient = __fmaf_rn(__fmaf_rn(-quotient, unit, difference), reciprocal, quotient);
    quotient = __fmaf_rn(__fmaf_rn(-quotient, unit, difference), reciprocal, quotient);
    if (!plain) quotient = __fdiv_rn(difference, unit);
    return fabsf(__fsub_rn(w, quotient));
  }
};

template <typename Weight>
__device__ __forceinline__ float abs_error_at(const ErrorSource& source, int64_t element) {
  ErrorAffine affine;
  affine.load(source, group_of(source, element));
  return affine.abs_error(weight_at<Weight>(source.weights.data, element), source.max_value * kStepUnit);
}

/// Rows of a block that are fetched before the first is used; every block has a multiple of it.
constexpr int kErrorBatch = 16;

/// Sums of blocks of `block_rows` rows; out: [blocks, 32]. A warp per block. Without kMixed a row lies within one
/// group, whose size is a power of two.
template <typename Weight, bool kMixed>
__global__ void __launch_bounds__(kSumThreads)
    block_errors(const ErrorSource source, int64_t blocks, int64_t block_rows, float* out) {
  const int64_t block = (static_cast<int64_t>(blockIdx.x) * kSumThreads + threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (block >= blocks) return;
  const int64_t begin = block * block_rows * 32;
  if (source.stale_step >= 0 && source.weights.contiguous) {
    const int64_t last = group_of(source, begin + block_rows * 32 - 1);
    bool stale = false;
    for (int64_t group = group_of(source, begin) + lane; group <= last; group += 32) {
      stale = stale || source.zeros.settled[group] > source.stale_step;
    }
    if (!__any_sync(kWholeWarp, stale)) return;
  }
  const float max_value = source.max_value * kStepUnit;
  const int rows_of_group = kMixed ? 1 : 1 << (source.log_size - 5);
  int left = 0;
  int64_t group = group_of(source, begin + lane);
  if (!kMixed) left = static_cast<int>(rows_of_group - (begin / 32) % rows_of_group);
  ErrorAffine affine;
  if (!kMixed) affine.load(source, group);
  float sum = 0;
  for (int64_t row = 0; row < block_rows; row += kErrorBatch) {
    float w[kErrorBatch];
#pragma unroll
    for (int i = 0; i < kErrorBatch; ++i) {
      w[i] = weight_at<Weight>(source.weights.data, begin + (row + i) * 32 + lane);
    }
#pragma unroll
    for (int i = 0; i < kErrorBatch; ++i) {
      if (kMixed) {
        affine.load(source, group);
      } else if (left == 0) {
        affine.load(source, ++group);
        left = rows_of_group;
      }
      sum = __fadd_rn(sum, affine.abs_error(w[i], max_value));
      --left;
      if (kMixed) {
        if (source.weights.contiguous) {
          group = group_of(source, begin + (row + i + 1) * 32 + lane);
        } else {
          group += 32;
          while (group >= source.weights.cols) group -= source.weights.cols;
        }
      }
    }
  }
  out[block * 32 + lane] = sum;
}

/// Sums of `per` consecutive entries of `in`; both are [.., 32]. A warp per entry of `out`.
__global__ void __launch_bounds__(kSumThreads) sum_entries(const float* in, int64_t count, int64_t per, float* out) {
  const int64_t entry = (static_cast<int64_t>(blockIdx.x) * kSumThreads + threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  if (entry >= count) return;
  float sum = 0;
#pragma unroll 4
  for (int64_t i = entry * per; i < (entry + 1) * per; ++i) sum = __fadd_rn(sum, in[i * 32 + lane]);
  out[entry * 32 + lane] = sum;
}

struct ErrorLevels {
  const float *blocks, *segments, *spans;  // [.., 32]
  int64_t block_count, segment_count, span_count;
  int64_t block_rows;  // also blocks of a segment and segments of a span
};

/// What the levels left over, the elements past the last block, and the mean. One warp.
template <typename Weight>
__global__ void __launch_bounds__(32)
    finish_mean_error(const ErrorSource source, const ErrorLevels levels, float* mean) {
  const int lane = static_cast<int>(threadIdx.x);
  const int64_t n = source.weights.rows * source.weights.cols;
  if (n < 8) {  // single values instead of vectors, four side by side
    float value = lane < n ? abs_error_at<Weight>(source, lane) : 0.0f;
    float sum = lane < 4 && n >= 4 ? value : 0.0f;
    for (int64_t i = n / 4 * 4; i < n; ++i) {
      const float more = __shfl_sync(kWholeWarp, value, static_cast<int>(i));
      if (lane == 0) sum = __fadd_rn(sum, more);
    }
    float total = __shfl_sync(kWholeWarp, sum, 0);
    for (int k = 1; k < 4; ++k) total = __fadd_rn(total, __shfl_sync(kWholeWarp, sum, k));
    if (lane == 0) *mean = __fdiv_rn(total, static_cast<float>(n));
    return;
  }
  const int64_t rows = n / 32;
  float level[4] = {0, 0, 0, 0};
  for (int64_t row = levels.block_count * levels.block_rows; row < rows; ++row) {
    level[0] = __fadd_rn(level[0], abs_error_at<Weight>(source, row * 32 + lane));
  }
  const auto add_entries = [&](const float* in, int64_t begin, int64_t end) {
    float sum = 0;
#pragma unroll 4
    for (int64_t i = begin; i < end; ++i) sum = __fadd_rn(sum, in[i * 32 + lane]);
    return sum;
  };
  level[1] = add_entries(levels.blocks, levels.segment_count * levels.block_rows, levels.block_count);
  level[2] = add_entries(levels.segments, levels.span_count * levels.block_rows, levels.segment_count);
  level[3] = add_entries(levels.spans, 0, levels.span_count);
  float total = __fadd_rn(__fadd_rn(__fadd_rn(level[0], level[1]), level[2]), level[3]);
  int64_t at = rows * 32;
  for (; at + 8 <= n; at += 8) {
    if (lane < 8) total = __fadd_rn(total, abs_error_at<Weight>(source, at + lane));
  }
  float sum = 0;
  for (; at < n; ++at) sum = __fadd_rn(sum, abs_error_at<Weight>(source, at));
  float four = __fadd_rn(total, __shfl_down_sync(kWholeWarp, total, 8));
  four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, total, 16));
  four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, total, 24));
#pragma unroll
  for (int l = 0; l < 8; ++l) sum = __fadd_rn(sum, __shfl_sync(kWholeWarp, four, l));
  if (lane == 0) *mean = __fdiv_rn(sum, static_cast<float>(n));
}

}  // namespace hqq::cuda
