// Solver for all other groups: odd sizes, long ones, whole tensors, and the few columns that PyTorch sums in another
// order. A block works on a strip of the matrix, 32 chains wide, and reads it again (from a cache) for every step.
#pragma once

#include "cuda/solve_kernel.cuh"

namespace hqq::cuda {

enum class StripShape : int32_t {
  row,           // one contiguous group: chain = weight mod 32; afterwards vectors of eight and single weights
  columns,       // 32 neighbouring columns, a chain each
  quad_columns,  // 8 neighbouring columns, four chains each: row mod 4; afterwards the last rows
};

constexpr int kMaxStripWarps = 16;
constexpr int kMaxStripUnits = 256;

struct StripArgs {
  SolveArgs solve;
  StripShape shape = StripShape::row;
  int64_t cols = 0;  // of the view; a contiguous group of fewer than 8 weights is a quad column of one
  int64_t group_size = 0;
  int64_t group_stride = 1;  // elements from one group of a strip's to the next
  int64_t strip_stride = 0;  // ... and from one strip to the next
  int64_t rows = 0;          // length of the chains
  int log_block = 4;         // rows that are summed before a block's sum is carried to the next level: 2^log_block
  int64_t unit_rows = 0;     // a power of the block: what one warp sums on its own
  int64_t slot = 0;          // error slot of the first strip
};

/// PyTorch's running sum of one chain: blocks of rows, blocks of blocks, four levels.
struct ChainSum {
  float level[4] = {0, 0, 0, 0};

  __device__ __forceinline__ void add(float value) { level[0] = __fadd_rn(level[0], value); }
  /// After every block; `rows` counts all rows so far.
  __device__ __forceinline__ void carry(int64_t rows, int log_block) {
    const int64_t mask = (int64_t{1} << log_block) - 1;
#pragma unroll
    for (int j = 1; j < 4; ++j) {
      level[j] = __fadd_rn(level[j], level[j - 1]);
      level[j - 1] = 0;
      if ((rows & (mask << (j * log_block))) != 0) break;
    }
  }
  __device__ __forceinline__ float total() const {
    return __fadd_rn(__fadd_rn(__fadd_rn(level[0], level[1]), level[2]), level[3]);
  }
};

/// One strip as the lanes of a warp see it.
template <typename Weight>
struct Strip {
  const void* data;
  int64_t start, row_step, lane_offset;  // element of row i: start + i * row_step + lane_offset
  int64_t rows;
  int64_t extra_start, extra_step;  // further weights of lanes 0-7 that join the first of four chains
  int extras;
  int64_t tail_start;  // weights that are summed on their own before everything else
  int tail;
  int64_t group;
  bool valid;  // the lane has weights of its own in every row
  bool extra_valid;

  __device__ Strip(const StripArgs& args, int64_t index, int lane) {
    const SolveArgs& solve = args.solve;
    data = solve.weights.data;
    rows = args.rows;
    extras = tail = 0;
    extra_start = extra_step = tail_start = 0;
    start = index * args.strip_stride;
    if (args.shape == StripShape::row) {
      group = solve.first + index;
      start += solve.first * args.strip_stride;
      row_step = 32;
      lane_offset = lane;
      valid = true;
      extras = static_cast<int>(args.group_size / 8 % 4);
      extra_start = start + rows * 32 + lane;
      extra_step = 8;
      extra_valid = lane < 8;
      tail = static_cast<int>(args.group_size % 8);
      tail_start = start + args.group_size / 8 * 8;
      return;
    }
    const bool quads = args.shape == StripShape::quad_columns;
    const int width = quads ? 8 : 32, column = lane % width;
    const bool single = args.cols == 1;  // a short contiguous group: only its own chains
    group = solve.first + (single ? index : index * width + column);
    valid = single ? column == 0 : index * width + column < solve.count;
    if (!valid) group = solve.first + (single ? index : solve.count - 1);
    start = group * args.group_stride;
    row_step = quads ? 4 * args.cols : args.cols;
    lane_offset = lane / width * args.cols;
    extra_valid = valid && lane < 8;
    if (quads) {
      extras = static_cast<int>(args.group_size % 4);
      extra_start = start + rows * row_step;
      extra_step = args.cols;
    }
  }

  __device__ __forceinline__ float at(int64_t row) const {
    return weight_at<Weight>(data, start + row * row_step + lane_offset);
  }
  __device__ __forceinline__ float extra(int i) const { return weight_at<Weight>(data, extra_start + i * extra_step); }
  __device__ __forceinline__ float single(int i) const { return weight_at<Weight>(data, tail_start + i); }
};

/// A lane's affine map at the present step.
struct StripStep {
  float s, unit, zero, max_value;  // unit = s / 256; zero and max_value in units of 1/256
  bool slow;                       // some lane of the warp has errors that may shrink to more than zero

  /// q - w s, and the error added to `error`.
  template <bool kSlow>
  __device__ __forceinline__ float difference(float w, float& error) const {
    const float product = __fmul_rn(w, unit);
    const float plain = __fsub_rn(rounded(product, zero, max_value), product);
    error += fabsf(zero - plain);
    return kSlow ? shrunk_difference(w, s, zero, max_value) : plain;
  }
  __device__ __forceinline__ float any_difference(float w, float& error) const {
    return slow ? difference<true>(w, error) : difference<false>(w, error);
  }
};

/// Rows of a strip that are fetched before the first is used.
constexpr int kStripBatch = 16;

/// Chain sums of rows [begin, end) of which `begin` is a multiple of a unit.
template <bool kSlow, typename Weight>
__device__ __forceinline__ ChainSum sum_rows(const Strip<Weight>& strip, const StripStep& step, int64_t begin,
                                             int64_t end, int log_block, float& error) {
  ChainSum sum;
  const int64_t block_mask = (int64_t{1} << log_block) - 1;
  float w[kStripBatch];
  int64_t row = begin;
  for (; row + kStripBatch <= end; row += kStripBatch) {
#pragma unroll
    for (int i = 0; i < kStripBatch; ++i) w[i] = strip.at(row + i);
#pragma unroll kSlow ? 1 : kStripBatch
    for (int i = 0; i < kStripBatch; ++i) sum.add(step.difference<kSlow>(w[i], error));
    const int64_t done = row + kStripBatch - begin;
    if ((done & block_mask) == 0) sum.carry(done, log_block);
  }
#pragma unroll
  for (int i = 0; i < kStripBatch; ++i) w[i] = row + i < end ? strip.at(row + i) : 0.0f;
#pragma unroll kSlow ? 1 : kStripBatch
  for (int i = 0; i < kStripBatch; ++i) {
    if (row + i < end) sum.add(step.difference<kSlow>(w[i], error));
  }
  return sum;
}

using StripLanes = float[32];

/// From the sums of whole units, and the levels of the rows after them, on as one thread would have done it.
__device__ __forceinline__ ChainSum join_units(const StripLanes* unit_sums, int64_t units,
                                               const StripLanes* last_levels, int64_t unit_rows, int log_block,
                                               int lane) {
  ChainSum chain;
  const int64_t mask = (int64_t{1} << log_block) - 1;
  int unit_level = 0;
  for (int64_t rows = unit_rows; rows > 1; rows >>= log_block) ++unit_level;
  for (int64_t unit = 0; unit < units; ++unit) {
    const int64_t rows = (unit + 1) * unit_rows;
    float carried = unit_sums[unit][lane];
#pragma unroll
    for (int j = 1; j < 4; ++j) {
      if (j < unit_level) continue;
      chain.level[j] = __fadd_rn(chain.level[j], carried);
      carried = chain.level[j];
      if ((rows & (mask << (j * log_block))) != 0) break;
      if (j < 3) chain.level[j] = 0;
    }
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) chain.level[j] = __fadd_rn(chain.level[j], last_levels[j][lane]);
  return chain;
}

/// Sums of a block's warps, in dynamic shared memory: strip_shared_bytes() of it.
inline size_t strip_shared_bytes(int64_t units, int warps) {
  return static_cast<size_t>(units + 2 * warps) * 32 * sizeof(float);
}

/// Grid: one block per strip; any number of whole warps up to kMaxStripWarps.
template <typename Weight>
__global__ void __launch_bounds__(kMaxStripWarps * 32, 1) solve_strips(const StripArgs args) {
  extern __shared__ float strip_shared[];
  __shared__ StripLanes last_levels[4];
  __shared__ float shared_zero[32];
  __shared__ int go_on;

  const SolveArgs& solve = args.solve;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  StripLanes* const warp_values = reinterpret_cast<StripLanes*>(strip_shared);
  StripLanes* const warp_more = warp_values + warps;
  StripLanes* const unit_sums = warp_more + warps;
  const Strip<Weight> strip(args, blockIdx.x, lane);
  const bool row_group = args.shape == StripShape::row, quads = args.shape == StripShape::quad_columns;
  bool live = strip.valid;
  if (solve.unsettled_only) {
    live = live && solve.results.settled[strip.group] > solve.params.steps;
    if (!__any_sync(kWholeWarp, live)) return;  // the same in every warp
  }

  // Extremes.
  float low = INFINITY, high = -INFINITY;
  bool finite = true;
  const auto include = [&](float w) {
    low = fminf(low, w);
    high = fmaxf(high, w);
    finite = finite && fabsf(w) < kLargestWeight;
  };
#pragma unroll 8
  for (int64_t row = warp; row < strip.rows; row += warps) include(strip.at(row));
  if (warp == 0) {
    if (strip.extra_valid) {
      for (int i = 0; i < strip.extras; ++i) include(strip.extra(i));
    }
    for (int i = 0; i < strip.tail; ++i) include(strip.single(i));
  }
  if (!finite) *solve.results.bad_weight = 1;
  if (row_group) {
    low = lane_min<32>(low);
    high = -lane_min<32>(-high);
  } else if (quads) {
#pragma unroll
    for (int step = 8; step < 32; step *= 2) {
      low = fminf(low, __shfl_xor_sync(kWholeWarp, low, step));
      high = fmaxf(high, __shfl_xor_sync(kWholeWarp, high, step));
    }
  }
  warp_values[warp][lane] = low;
  warp_more[warp][lane] = high;
  __syncthreads();
  for (int i = 0; i < warps; ++i) {
    low = fminf(low, warp_values[i][lane]);
    high = fmaxf(high, warp_more[i][lane]);
  }
  __syncthreads();
  const Affine affine = initial_affine(low, high, solve.params.max_value, solve.params.round_zero);

  StripStep now{affine.inverse_scale, affine.inverse_scale * kStepUnit, affine.zero, solve.params.max_value * kStepUnit,
                false};
  const int steps = solve.params.steps;
  const bool keep_best = solve.params.keep_best, report = !keep_best && !solve.unsettled_only;
  const int64_t units = strip.rows / args.unit_rows;
  const float count = static_cast<float>(args.group_size);
  float best_zero = now.zero, best_error = INFINITY;
  int settled = 0;
  for (int step = 0; step < steps + keep_best; ++step) {
    now.slow = __any_sync(kWholeWarp, may_shrink(affine, now.zero, now.max_value));
    float error = 0;
    for (int64_t unit = warp; unit <= units; unit += warps) {
      const int64_t begin = unit * args.unit_rows, end = min(begin + args.unit_rows, strip.rows);
      const ChainSum sum = now.slow ? sum_rows<true>(strip, now, begin, end, args.log_block, error)
                                    : sum_rows<false>(strip, now, begin, end, args.log_block, error);
      if (unit < units) {
        unit_sums[unit][lane] = sum.total();  // all but one level are zero
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) last_levels[j][lane] = sum.level[j];
      }
    }
    warp_values[warp][lane] = error;
    __syncthreads();

    if (warp == 0) {
      const ChainSum chain = join_units(unit_sums, units, last_levels, args.unit_rows, args.log_block, lane);
      float total = chain.total();
      float error_sum = 0;
      for (int i = 0; i < warps; ++i) error_sum += warp_values[i][lane];
      if (strip.extra_valid) {
        for (int i = 0; i < strip.extras; ++i) total = __fadd_rn(total, now.any_difference(strip.extra(i), error_sum));
      }
      if (row_group || quads) {
        float four = __fadd_rn(total, __shfl_down_sync(kWholeWarp, total, 8));
        four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, total, 16));
        four = __fadd_rn(four, __shfl_down_sync(kWholeWarp, total, 24));
        total = four;
      }
      if (row_group) {
        float tail = 0, tail_error = 0;
        for (int i = 0; i < strip.tail; ++i) tail = __fadd_rn(tail, now.any_difference(strip.single(i), tail_error));
        if (lane == 0) error_sum += tail_error;
#pragma unroll
        for (int l = 0; l < 8; ++l) tail = __fadd_rn(tail, __shfl_sync(kWholeWarp, total, l));
        total = tail;
      } else if (quads) {
        total = __shfl_sync(kWholeWarp, total, lane % 8);
      }

      error_sum *= affine.error_unit;
      if (report) {
        const float sum = lane_sum<32>(live ? error_sum : 0.0f);
        if (lane == 0) solve.results.step_errors[step * solve.slots + args.slot + blockIdx.x] = sum;
      }
      if (keep_best) {
        if (row_group) error_sum = lane_sum<32>(error_sum);
        if (quads) {
          error_sum += __shfl_xor_sync(kWholeWarp, error_sum, 8);
          error_sum += __shfl_xor_sync(kWholeWarp, error_sum, 16);
        }
        if (error_sum < best_error) {
          best_error = error_sum;
          best_zero = now.zero;
        }
      }
      const float updated = step < steps ? __fdiv_rn(total, count) : now.zero;
      const bool moved = updated != now.zero;
      if (moved) settled = step + 1;
      shared_zero[lane] = updated;
      const bool any = __any_sync(kWholeWarp, moved);
      if (lane == 0) go_on = any;
      if (!any && report) {
        const float sum = lane_sum<32>(live ? error_sum : 0.0f);
        for (int rest = step + 1; rest < steps; ++rest) {
          if (lane == 0) solve.results.step_errors[rest * solve.slots + args.slot + blockIdx.x] = sum;
        }
      }
    }
    __syncthreads();
    now.zero = shared_zero[lane];
    if (go_on == 0) break;
    __syncthreads();
  }

  const bool writer = live && warp == 0 && (row_group ? lane == 0 : !quads || lane < 8);
  if (!writer) return;
  solve.results.zero[strip.group] = (keep_best ? best_zero : now.zero) * 256.0f;
  if (solve.unsettled_only) return;
  solve.results.inverse_scale[strip.group] = affine.inverse_scale;
  solve.results.settled[strip.group] = static_cast<uint8_t>(settled);
}

}  // namespace hqq::cuda
