// Solver for the usual group sizes: a group's products w * s stay in the registers of one thread (up to 64 weights), of
// 2 to 4 neighbouring threads, or of a warp, for all steps. One step costs 8 instructions a weight: add and clamp,
// clamp, two for rounding, the difference and its sum, the error and its sum.
#pragma once

#include "cuda/solve.cuh"
#include "cuda/solver_step.cuh"

namespace hqq::cuda {

constexpr int kSolveThreads = 128;

struct SolveArgs {
  GroupedWeights weights;
  SolveParams params;
  SolveResults results;
  int64_t first = 0, count = 0;  // groups of this launch
  int64_t slots = 0;             // row length of step_errors
  bool unsettled_only = false;
};

/// Contiguous groups of kSize weights over kThreads neighbouring lanes. PyTorch sums 32 chains, weight i in chain i mod
/// 32, adds the chains l, l + 8, l + 16, l + 24, and then the eight results one after the other. Up to 8 threads share
/// the l, with 32 threads each has one chain.
template <int kSize, int kThreads_>
struct RowGroup {
  static constexpr int kThreads = kThreads_;
  static constexpr int kElements = kSize / kThreads;
  static constexpr int kVector = kThreads == 32 ? 1 : 8 / kThreads;  // neighbouring weights of one thread
  static constexpr float kReciprocalSize = 1.0f / kSize;
  static constexpr int kBlocks = kElements > 64 ? 2 : 4;  // resident on a multiprocessor

  static __device__ __forceinline__ int64_t offset(const SolveArgs&, int element, int lane) {
    return kThreads == 32 ? element * 32 + lane : element / kVector * 8 + lane * kVector + element % kVector;
  }
  static __device__ __forceinline__ int64_t base(const SolveArgs&, int64_t group) { return group * kSize; }

  /// Sum of value(element) over the group, in every thread of it.
  template <bool kUnroll, typename Value>
  static __device__ __forceinline__ float sum(Value value) {
    constexpr int kEight = kUnroll ? 8 : 1, kAll = kUnroll ? 64 : 1;
    if constexpr (kThreads == 32) {
      float chain = 0;
#pragma unroll kEight
      for (int block = 0; block < kElements; block += 16) {  // a second level of sums from 16 weights a chain on
        float part = 0;
#pragma unroll kAll
        for (int i = 0; i < (kElements < 16 ? kElements : 16); ++i) part = __fadd_rn(part, value(block + i));
        chain = __fadd_rn(chain, part);
      }
      float four = __fadd_rn(chain, __shfl_down_sync(kWholeWarp, chain, 8));
      four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, chain, 16));
      four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, chain, 24));
      float total = 0;
#pragma unroll
      for (int l = 0; l < 8; ++l) total = __fadd_rn(total, __shfl_sync(kWholeWarp, four, l));
      return total;
    } else {
      constexpr int kVectors = kSize / 8, kRows = kSize / 32;
      float four[kVector];
#pragma unroll kEight
      for (int l = 0; l < kVector; ++l) {
        float part = 0;
        if constexpr (kRows == 0) {
#pragma unroll kAll
          for (int v = 0; v < kVectors; ++v) part = __fadd_rn(part, value(v * kVector + l));
        } else {
#pragma unroll kAll
          for (int k = 0; k < 4; ++k) {
            float chain = 0;
#pragma unroll kAll
            for (int row = 0; row < kRows; ++row) chain = __fadd_rn(chain, value((row * 4 + k) * kVector + l));
            part = __fadd_rn(part, chain);
          }
        }
        four[l] = part;
      }
      float total = 0;
#pragma unroll
      for (int l = 0; l < 8; ++l) {
        const float part = four[l % kVector];
        total = __fadd_rn(total, kThreads == 1 ? part : __shfl_sync(kWholeWarp, part, l / kVector, kThreads));
      }
      return total;
    }
  }
};

/// Columns of kSize weights, one thread each, so that neighbouring threads read neighbouring weights. PyTorch adds them
/// row after row, in blocks of 16.
template <int kSize>
struct ColumnGroup {
  static constexpr int kThreads = 1;
  static constexpr int kElements = kSize;
  static constexpr int kVector = 1;
  static constexpr float kReciprocalSize = 1.0f / kSize;
  static constexpr int kBlocks = kSize > 64 ? 2 : 4;

  static __device__ __forceinline__ int64_t offset(const SolveArgs& args, int element, int) {
    return element * args.weights.cols;
  }
  static __device__ __forceinline__ int64_t base(const SolveArgs&, int64_t group) { return group; }

  template <bool kUnroll, typename Value>
  static __device__ __forceinline__ float sum(Value value) {
    constexpr int kAll = kUnroll ? 16 : 1;
    float total = 0;
#pragma unroll kAll
    for (int block = 0; block < kSize; block += 16) {
      float part = 0;
#pragma unroll kAll
      for (int i = 0; i < (kSize < 16 ? kSize : 16); ++i) part = __fadd_rn(part, value(block + i));
      total = __fadd_rn(total, part);
    }
    return total;
  }
};

template <typename Weight, typename Group>
__device__ __forceinline__ void load_group(const SolveArgs& args, int64_t base, int lane,
                                           float (&x)[Group::kElements]) {
#pragma unroll
  for (int i = 0; i < Group::kElements; i += Group::kVector) {
    float part[Group::kVector];
    weights_at<Weight, Group::kVector>(args.weights.data, base + Group::offset(args, i, lane), part);
#pragma unroll
    for (int j = 0; j < Group::kVector; ++j) x[i + j] = part[j];
  }
}

/// One group per Group::kThreads threads; grid: enough blocks of kSolveThreads threads for args.count groups.
template <typename Weight, typename Group>
__global__ void __launch_bounds__(kSolveThreads, Group::kBlocks) solve_groups(const SolveArgs args) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kSolveThreads + threadIdx.x;
  const int lane = static_cast<int>(threadIdx.x) % Group::kThreads;
  const int64_t wanted = thread / Group::kThreads;
  // Threads past the end work on the last group and say nothing, so that a warp always is whole.
  bool live = wanted < args.count;
  const int64_t group = args.first + (live ? wanted : args.count - 1);
  if (args.unsettled_only) {
    live = live && args.results.settled[group] > args.params.steps;
    if (!__any_sync(kWholeWarp, live)) return;
  }

  const int64_t base = Group::base(args, group);
  float product[Group::kElements];
  load_group<Weight, Group>(args, base, lane, product);
  float low = product[0], high = product[0];
  bool finite = true;
#pragma unroll
  for (int i = 0; i < Group::kElements; ++i) {
    low = fminf(low, product[i]);
    high = fmaxf(high, product[i]);
    finite = finite && fabsf(product[i]) < kLargestWeight;
  }
  if (!finite) *args.results.bad_weight = 1;
  low = lane_min<Group::kThreads>(low);
  high = -lane_min<Group::kThreads>(-high);
  const Affine affine = initial_affine(low, high, args.params.max_value, args.params.round_zero);
  const float unit = affine.inverse_scale * kStepUnit;
#pragma unroll
  for (int i = 0; i < Group::kElements; ++i) product[i] = __fmul_rn(product[i], unit);

  const float max_value = args.params.max_value * kStepUnit;
  const int steps = args.params.steps;
  const bool keep_best = args.params.keep_best;
  const bool report = !keep_best && !args.unsettled_only;
  float* const errors = args.results.step_errors + thread / 32;
  float zero = affine.zero, best_zero = zero, best_error = INFINITY;
  int settled = 0;
  for (int step = 0; step < steps + keep_best; ++step) {
    float error_sum = 0;
    float difference_sum = Group::template sum<true>([&](int i) {
      const float difference = __fsub_rn(rounded(product[i], zero, max_value), product[i]);
      error_sum += fabsf(zero - difference);
      return difference;
    });
    if (__any_sync(kWholeWarp, may_shrink(affine, zero, max_value))) {
      difference_sum = Group::template sum<false>([&](int i) {
        const float w = weight_at<Weight>(args.weights.data, base + Group::offset(args, i, lane));
        return shrunk_difference(w, affine.inverse_scale, zero, max_value);
      });
    }
    error_sum *= affine.error_unit;
    if (report) {
      error_sum = lane_sum<32>(live ? error_sum : 0.0f);
      if (threadIdx.x % 32 == 0) errors[step * args.slots] = error_sum;
    }
    if (keep_best) {
      error_sum = lane_sum<Group::kThreads>(error_sum);
      if (error_sum < best_error) {
        best_error = error_sum;
        best_zero = zero;
      }
      if (step == steps) break;
    }
    const float updated = difference_sum * Group::kReciprocalSize;  // a power of two: exact
    const bool moved = updated != zero;
    if (moved) settled = step + 1;
    zero = updated;
    if (!__any_sync(kWholeWarp, moved)) {
      for (int rest = step + 1; report && rest < steps; ++rest) {
        if (threadIdx.x % 32 == 0) errors[rest * args.slots] = error_sum;
      }
      break;
    }
  }
  if (!live || lane != 0) return;
  args.results.zero[group] = (keep_best ? best_zero : zero) * 256.0f;
  if (args.unsettled_only) return;
  args.results.inverse_scale[group] = affine.inverse_scale;
  args.results.settled[group] = static_cast<uint8_t>(settled);
}

}  // namespace hqq::cuda
