// The body of solver_scalar.cpp, solver_avx2.cpp, ...: one source, compiled for each instruction set. Included once per such
// file and nowhere else.
#pragma once

#include "quant/solver_vector.h"

namespace hqq {
namespace {

// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for the values 0..255 that reach it.
constexpr float kRounder = 12582912.0f;
// The shrinkage is zero unless |e| > 0.1^(1/1.3) = 0.17013, so the power is only evaluated above this.
constexpr float kShrinkFrom = 0.17f;
// Largest weight whose group range cannot overflow.
constexpr float kLargestWeight = 1.7e38f;
// Steps of float32 partial sums before they go to a float64 total.
constexpr int64_t kRunBeforeTotal = 2048;
constexpr int64_t kRowsBeforeTotal = 256;

/// q = clamp(round(x s + zero), 0, max); clamping first gives the same and keeps the rounder in range. NaN becomes 0.
inline V quantize_v(V product, V zero, V max_value) {
  const V clamped = min_v(max_v(product + zero, V{}), max_value);
  return (clamped + kRounder) - kRounder;
}
inline float quantize_f(float product, float zero, float max_value) {
  const float sum = product + zero;
  const float low = sum > 0.0f ? sum : 0.0f;
  return ((low < max_value ? low : max_value) + kRounder) - kRounder;
}

/// What a solver step of one group or one set of lanes gives besides the differences it stores.
struct StepSums {
  double error = 0;
  float largest = 0;
};

/// d[i] = q - x s with the present zero; sums |x - (q - zero) / s|.
inline StepSums step_run(const float* x, int64_t n, float s, float zero, float max_value, float* d) {
  const V vs = splat<V>(s), vz = splat<V>(zero), vm = splat<V>(max_value);
  StepSums sums;
  V largest[kParts] = {};
  for (int64_t begin = 0; begin < n; begin += kRunBeforeTotal) {
    const int64_t end = min_i(n, begin + kRunBeforeTotal);
    V total[kParts] = {};
    int64_t i = begin;
    for (; i + kTileLanes <= end; i += kTileLanes) {
      for (int part = 0; part < kParts; ++part) {
        const V vx = load<V>(x + i + part * kLanes);
        const V product = vx * vs;
        const V q = quantize_v(product, vz, vm);
        const V error = abs_v(vx - (q - vz) / vs);
        store(d + i + part * kLanes, q - product);
        total[part] += error;
        largest[part] = max_v(largest[part], error);
      }
    }
    float lanes[kTileLanes];
    for (int part = 0; part < kParts; ++part) store(lanes + part * kLanes, total[part]);
    for (int lane = 0; i < end; ++i, ++lane) {
      const float product = x[i] * s;
      const float q = quantize_f(product, zero, max_value);
      const float error = abs_f(x[i] - (q - zero) / s);
      d[i] = q - product;
      lanes[lane] += error;
      sums.largest = max_f(sums.largest, error);
    }
    sums.error += sum_lanes(lanes);
  }
  for (const V& part : largest) sums.largest = max_f(sums.largest, max_lane(part));
  return sums;
}

/// Redoes one difference with the shrinkage (p = 0.7, beta = 10) when the error is large enough for it not to vanish.
inline void shrink_one(float x, float s, float zero, float max_value, float* d) {
  const float q = quantize_f(x * s, zero, max_value);
  const float error = x - (q - zero) / s;
  const float magnitude = abs_f(error);
  if (!(magnitude > kShrinkFrom)) return;
  const float shrunk = magnitude - 0.1f * shrink_power(magnitude);
  const float kept = __builtin_copysignf(shrunk > 0.0f ? shrunk : 0.0f, error);
  *d = q - (x - kept) * s;
}

/// One step for a tile's worth of rows of 16 lanes, each lane a group of its own.
inline StepSums step_columns(const float* x, int64_t rows, const float* s, const float* zero, float max_value, float* d) {
  const V vm = splat<V>(max_value);
  V vs[kParts], vz[kParts], largest[kParts] = {};
  for (int part = 0; part < kParts; ++part) {
    vs[part] = load<V>(s + part * kLanes);
    vz[part] = load<V>(zero + part * kLanes);
  }
  StepSums sums;
  for (int64_t begin = 0; begin < rows; begin += kRowsBeforeTotal) {
    const int64_t end = min_i(rows, begin + kRowsBeforeTotal);
    V total[kParts] = {};
    for (int64_t row = begin; row < end; ++row) {
      for (int part = 0; part < kParts; ++part) {
        const int64_t at = row * kTileLanes + part * kLanes;
        const V vx = load<V>(x + at);
        const V product = vx * vs[part];
        const V q = quantize_v(product, vz[part], vm);
        const V error = abs_v(vx - (q - vz[part]) / vs[part]);
        store(d + at, q - product);
        total[part] += error;
        largest[part] = max_v(largest[part], error);
      }
    }
    float lanes[kTileLanes];
    for (int part = 0; part < kParts; ++part) store(lanes + part * kLanes, total[part]);
    sums.error += sum_lanes(lanes);
  }
  for (const V& part : largest) sums.largest = max_f(sums.largest, max_lane(part));
  return sums;
}

/// Sum over the rows of each of the 16 columns, in PyTorch's order for the column's place in the matrix.
inline void column_sums(const float* d, int64_t rows, int64_t plain_columns, float* sums) {
  const auto add_row = [d](int64_t row, Lanes16& acc) {
    for (int part = 0; part < kParts; ++part) acc.part[part] += load<V>(d + row * kTileLanes + part * kLanes);
  };
  Lanes16 plain, by_four;
  if (plain_columns > 0) plain = cascade_sum<Lanes16>(rows, add_row);
  if (plain_columns < kTileLanes) {
    const int64_t quads = rows / 4;
    FourLanes16 four = cascade_sum<FourLanes16>(quads, [&](int64_t i, FourLanes16& acc) {
      for (int k = 0; k < 4; ++k) add_row(i * 4 + k, acc.part[k]);
    });
    for (int64_t row = quads * 4; row < rows; ++row) add_row(row, four.part[0]);
    for (int k = 1; k < 4; ++k) four.part[0] += four.part[k];
    by_four = four.part[0];
  }
  for (int lane = 0; lane < kTileLanes; ++lane) {
    const Lanes16& from = lane < plain_columns ? plain : by_four;
    sums[lane] = from.part[lane / kLanes][lane % kLanes];
  }
}

bool range(const float* x, int64_t n, float* low, float* high) {
  *low = *high = x[0];
  bool finite = true;
  int64_t i = 0;
  if (n >= kLanes) {
    V vlow = load<V>(x), vhigh = vlow;
    VI ok = VI{} - 1;
    for (; i + kLanes <= n; i += kLanes) {
      const V v = load<V>(x + i);
      vlow = min_v(vlow, v);
      vhigh = max_v(vhigh, v);
      ok &= abs_v(v) < kLargestWeight;
    }
    finite = all_set(ok);
    *low = min_lane(vlow);
    *high = max_lane(vhigh);
  }
  for (; i < n; ++i) {
    *low = x[i] < *low ? x[i] : *low;
    *high = max_f(*high, x[i]);
    finite &= abs_f(x[i]) < kLargestWeight;
  }
  return finite;
}

/// All steps of up to eight contiguous groups. A group whose zero stops moving has reached a fixed point of the step, so its
/// later steps are copies.
inline void solve_eight_rows(const SolveParams& params, const SolveTile& tile, int64_t first) {
  const int64_t g = tile.group_size;
  const int count = static_cast<int>(min_i(8, tile.count - first));
  const float* s = tile.inverse_scale + first;
  V8 zeros{}, tails{}, partial[8] = {};
  double errors[8] = {};
  bool moving[8] = {};
  for (int j = 0; j < count; ++j) {
    zeros[j] = tile.zeros[first + j];
    moving[j] = true;
  }
  bool any_moving = true;
  for (int step = 0; step < params.steps; ++step) {
    if (any_moving) {
      for (int j = 0; j < count; ++j) {
        if (!moving[j]) continue;
        const float* x = tile.x + (first + j) * g;
        const StepSums sums = step_run(x, g, s[j], zeros[j], params.max_value, tile.scratch);
        errors[j] = sums.error;
        if (sums.largest > kShrinkFrom) {
          for (int64_t i = 0; i < g; ++i) shrink_one(x[i], s[j], zeros[j], params.max_value, tile.scratch + i);
        }
        float tail;
        partial[j] = contiguous_partial_sum(tile.scratch, g, &tail);
        tails[j] = tail;
      }
      const V8 updated = add_lanes_in_order(partial, tails) / static_cast<float>(g);
      any_moving = false;
      for (int j = 0; j < count; ++j) {
        moving[j] = moving[j] && updated[j] != zeros[j];
        any_moving |= moving[j];
      }
      zeros = updated;
    }
    float* plane = tile.zeros + (step + 1) * tile.zero_stride + first;
    for (int j = 0; j < count; ++j) {
      plane[j] = zeros[j];
      tile.error_sums[step] += errors[j];
    }
  }
}

bool solve_rows(const SolveParams& params, const SolveTile& tile) {
  for (int64_t group = 0; group < tile.count; ++group) {
    float low, high;
    if (!range(tile.x + group * tile.group_size, tile.group_size, &low, &high)) return false;
    initial_affine(low, high, params, tile.inverse_scale + group, tile.zeros + group);
  }
  for (int64_t first = 0; first < tile.count; first += 8) solve_eight_rows(params, tile, first);
  return true;
}

bool solve_columns(const SolveParams& params, const SolveTile& tile) {
  V low[kParts], high[kParts];
  VI ok = VI{} - 1;
  for (int part = 0; part < kParts; ++part) {
    low[part] = high[part] = load<V>(tile.x + part * kLanes);
    for (int64_t row = 0; row < tile.group_size; ++row) {
      const V v = load<V>(tile.x + row * kTileLanes + part * kLanes);
      low[part] = min_v(low[part], v);
      high[part] = max_v(high[part], v);
      ok &= abs_v(v) < kLargestWeight;
    }
  }
  if (!all_set(ok)) return false;
  float s[kTileLanes], zero[kTileLanes];
  for (int lane = 0; lane < kTileLanes; ++lane) {
    const int part = lane / kLanes, at = lane % kLanes;
    initial_affine(low[part][at], high[part][at], params, s + lane, zero + lane);
  }
  for (int64_t lane = 0; lane < tile.count; ++lane) {
    tile.inverse_scale[lane] = s[lane];
    tile.zeros[lane] = zero[lane];
  }
  const float count = static_cast<float>(tile.group_size);
  StepSums sums;
  bool moving = true;
  for (int step = 0; step < params.steps; ++step) {
    if (moving) {
      sums = step_columns(tile.x, tile.group_size, s, zero, params.max_value, tile.scratch);
      if (sums.largest > kShrinkFrom) {
        for (int64_t i = 0; i < tile.group_size * kTileLanes; ++i) {
          const int lane = static_cast<int>(i % kTileLanes);
          shrink_one(tile.x[i], s[lane], zero[lane], params.max_value, tile.scratch + i);
        }
      }
      float updated[kTileLanes];
      column_sums(tile.scratch, tile.group_size, tile.plain_columns, updated);
      moving = false;
      for (int lane = 0; lane < kTileLanes; ++lane) {
        updated[lane] /= count;
        moving |= updated[lane] != zero[lane];
        zero[lane] = updated[lane];
      }
    }
    tile.error_sums[step] += sums.error;
    float* plane = tile.zeros + (step + 1) * tile.zero_stride;
    for (int64_t lane = 0; lane < tile.count; ++lane) plane[lane] = zero[lane];
  }
  return true;
}

/// The 16 quantized values of one block and their errors; `At` gives the affine map of element i as vectors or scalars.
template <typename At>
inline void quantize_final(const float* x, int64_t n, const At& at, float max_value, uint8_t* q, ErrorLanes& lanes) {
  const V vm = splat<V>(max_value);
  V abs_error[kParts], sq_error[kParts], abs_weight[kParts], max_error[kParts];
  for (int part = 0; part < kParts; ++part) {
    abs_error[part] = load<V>(lanes.abs_error + part * kLanes);
    sq_error[part] = load<V>(lanes.sq_error + part * kLanes);
    abs_weight[part] = load<V>(lanes.abs_weight + part * kLanes);
    max_error[part] = load<V>(lanes.max_error + part * kLanes);
  }
  int64_t i = 0;
  for (; i + kTileLanes <= n; i += kTileLanes) {
    int32_t whole[kTileLanes];
    for (int part = 0; part < kParts; ++part) {
      const int64_t j = i + part * kLanes;
      const V vx = load<V>(x + j);
      const V value = quantize_v(vx * at.inverse_scale(j), at.zero(j), vm);
      const V error = abs_v(vx - (value - at.zero_stored(j)) * at.scale(j));
      const VI integer = __builtin_convertvector(value, VI);
      __builtin_memcpy(whole + part * kLanes, &integer, sizeof(integer));
      abs_error[part] += error;
      sq_error[part] += error * error;
      abs_weight[part] += abs_v(vx);
      max_error[part] = max_v(max_error[part], error);
    }
    for (int lane = 0; lane < kTileLanes; ++lane) q[i + lane] = static_cast<uint8_t>(whole[lane]);
  }
  for (int part = 0; part < kParts; ++part) {
    store(lanes.abs_error + part * kLanes, abs_error[part]);
    store(lanes.sq_error + part * kLanes, sq_error[part]);
    store(lanes.abs_weight + part * kLanes, abs_weight[part]);
    store(lanes.max_error + part * kLanes, max_error[part]);
  }
  for (int lane = 0; i < n; ++i, ++lane) {
    const float value = quantize_f(x[i] * at.inverse_scale_f(i), at.zero_f(i), max_value);
    const float error = abs_f(x[i] - (value - at.zero_stored_f(i)) * at.scale_f(i));
    q[i] = static_cast<uint8_t>(value);
    lanes.abs_error[lane] += error;
    lanes.sq_error[lane] += error * error;
    lanes.abs_weight[lane] += abs_f(x[i]);
    lanes.max_error[lane] = max_f(lanes.max_error[lane], error);
  }
}

struct SameAffine {
  const AffineRun& a;
  V inverse_scale(int64_t) const { return splat<V>(a.inverse_scale); }
  V zero(int64_t) const { return splat<V>(a.zero); }
  V scale(int64_t) const { return splat<V>(a.scale); }
  V zero_stored(int64_t) const { return splat<V>(a.zero_stored); }
  float inverse_scale_f(int64_t) const { return a.inverse_scale; }
  float zero_f(int64_t) const { return a.zero; }
  float scale_f(int64_t) const { return a.scale; }
  float zero_stored_f(int64_t) const { return a.zero_stored; }
};

struct LaneAffine {
  const AffineLanes& a;
  V inverse_scale(int64_t i) const { return load<V>(a.inverse_scale + i); }
  V zero(int64_t i) const { return load<V>(a.zero + i); }
  V scale(int64_t i) const { return load<V>(a.scale + i); }
  V zero_stored(int64_t i) const { return load<V>(a.zero_stored + i); }
  float inverse_scale_f(int64_t i) const { return a.inverse_scale[i]; }
  float zero_f(int64_t i) const { return a.zero[i]; }
  float scale_f(int64_t i) const { return a.scale[i]; }
  float zero_stored_f(int64_t i) const { return a.zero_stored[i]; }
};

void quantize_run(const float* x, int64_t n, const AffineRun& affine, float max_value, uint8_t* q, ErrorLanes& lanes) {
  quantize_final(x, n, SameAffine{affine}, max_value, q, lanes);
}
void quantize_lanes(const float* x, int64_t n, const AffineLanes& affine, float max_value, uint8_t* q, ErrorLanes& lanes) {
  quantize_final(x, n, LaneAffine{affine}, max_value, q, lanes);
}

// Plain loops: the compiler vectorizes them for each instruction set, and no sum is involved whose order could differ.

void abs_error_run(const float* x, int64_t n, float s, float zero, float max_value, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = abs_f(x[i] - (quantize_f(x[i] * s, zero, max_value) - zero) / s);
}
void abs_error_lanes(const float* x, int64_t n, const float* s, const float* zero, float max_value, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = abs_f(x[i] - (quantize_f(x[i] * s[i], zero[i], max_value) - zero[i]) / s[i]);
}

void dequantize_run(const uint8_t* q, int64_t n, float zero, float scale, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = (static_cast<float>(q[i]) - zero) * scale;
}
void dequantize_lanes(const uint8_t* q, int64_t n, const float* zero, const float* scale, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = (static_cast<float>(q[i]) - zero[i]) * scale[i];
}

constexpr SolverKernels make_solver_kernels() {
  return {range,         solve_rows,      solve_columns,  quantize_run,    quantize_lanes,
          abs_error_run, abs_error_lanes, dequantize_run, dequantize_lanes};
}

}  // namespace
}  // namespace hqq
