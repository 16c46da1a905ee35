// The body of solver_scalar.cpp, solver_avx2.cpp, ...: one source, compiled for each instruction set. Included once per such
// file and nowhere else.
#pragma once

#include "quant/solver_vector.h"

namespace hqq {
namespace {

// The shrinkage is zero unless |e| > 0.1^(1/1.3) = 0.17013, so the power is only evaluated above this.
constexpr float kShrinkFrom = 0.17f;
// Largest weight whose group range cannot overflow.
constexpr float kLargestWeight = 1.7e38f;

/// The 16 lanes of errors of one step, and the largest error seen.
struct StepErrors {
  Lanes16 total;
  V largest{};
};

/// One solver step over a contiguous group: d[i] = q - x s with the present zero; adds |x - (q - zero) / s| to `errors`.
inline void step_run(const float* x, int64_t n, float s, float zero, float max_value, float* d, StepErrors& errors) {
  const V vs = splat<V>(s), vz = splat<V>(zero), vm = splat<V>(max_value);
  for (int64_t begin = 0; begin < n; begin += kRunBeforeTotal) {
    const int64_t end = min_i(n, begin + kRunBeforeTotal);
    const int64_t whole = begin + (end - begin) / kTileLanes * kTileLanes;
    Lanes16 total;
    for (int64_t i = begin; i < whole; i += kTileLanes) {
      for (int part = 0; part < kParts; ++part) {
        const V vx = load<V>(x + i + part * kLanes);
        const V product = vx * vs;
        const V q = quantize_v(product, vz, vm);
        const V error = abs_v(vx - (q - vz) / vs);
        store(d + i + part * kLanes, q - product);
        total.part[part] += error;
        errors.largest = max_v(errors.largest, error);
      }
    }
    for (int64_t i = whole; i < end; ++i) {
      const int64_t lane = i - whole;
      const float product = x[i] * s;
      const float q = quantize_f(product, zero, max_value);
      const float error = abs_f(x[i] - (q - zero) / s);
      d[i] = q - product;
      total.part[lane / kLanes][lane % kLanes] += error;
      errors.largest[0] = max_f(errors.largest[0], error);
    }
    errors.total += total;
  }
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

/// Sums over the rows of kLanes neighbouring columns: the differences q - x s and the errors.
struct ColumnSums {
  V difference{}, error{};
  void operator+=(const ColumnSums& other) {
    difference += other.difference;
    error += other.error;
  }
};
struct FourColumnSums {
  ColumnSums part[4];
  void operator+=(const FourColumnSums& other) {
    for (int k = 0; k < 4; ++k) part[k] += other.part[k];
  }
};

/// kLanes neighbouring columns of a tile, each a group of its own, with their present affine maps; rows are 16 floats apart.
struct Columns {
  const float* x;
  int64_t rows;
  V s, zero, max_value;
  V largest{};  // error seen

  /// One row of a solver step.
  template <bool kShrink>
  void add_row(int64_t row, ColumnSums& sums) {
    const float* at = x + row * kTileLanes;
    const V vx = load<V>(at);
    const V product = vx * s;
    const V q = quantize_v(product, zero, max_value);
    const V error = abs_v(vx - (q - zero) / s);
    V difference = q - product;
    if constexpr (kShrink) {
      float lanes[kLanes];
      store(lanes, difference);
      for (int lane = 0; lane < kLanes; ++lane) shrink_one(at[lane], s[lane], zero[lane], max_value[lane], lanes + lane);
      difference = load<V>(lanes);
    }
    sums.difference += difference;
    sums.error += error;
    largest = max_v(largest, error);
  }

  /// A whole step, in PyTorch's order for columns that are summed row after row ...
  template <bool kShrink>
  ColumnSums step_plain() {
    return cascade_sum<ColumnSums>(rows, [this](int64_t row, ColumnSums& acc) { add_row<kShrink>(row, acc); });
  }
  /// ... and for those that are summed four rows at a time.
  template <bool kShrink>
  ColumnSums step_by_four() {
    const int64_t quads = rows / 4;
    FourColumnSums four = cascade_sum<FourColumnSums>(quads, [this](int64_t i, FourColumnSums& acc) {
      for (int k = 0; k < 4; ++k) add_row<kShrink>(i * 4 + k, acc.part[k]);
    });
    for (int64_t row = quads * 4; row < rows; ++row) add_row<kShrink>(row, four.part[0]);
    for (int k = 1; k < 4; ++k) four.part[0] += four.part[k];
    return four.part[0];
  }
  /// `plain` is how many of the columns, from the left, are of the first kind.
  template <bool kShrink>
  ColumnSums step(int64_t plain) {
    if (plain >= kLanes) return step_plain<kShrink>();
    ColumnSums sums = step_by_four<kShrink>();
    if (plain > 0) {
      const ColumnSums others = step_plain<kShrink>();
      for (int64_t lane = 0; lane < plain; ++lane) {
        sums.difference[lane] = others.difference[lane];
        sums.error[lane] = others.error[lane];
      }
    }
    return sums;
  }
};

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

/// All steps of up to eight contiguous groups; `kFixed` is the group size where it is known at compile time, else 0. A group
/// whose zero stops moving has reached a fixed point of the step: all its later steps would repeat.
template <int kFixed>
void solve_eight_rows(const SolveParams& params, const SolveTile& tile, int64_t first) {
  const int64_t g = kFixed != 0 ? kFixed : tile.group_size;
  const int count = static_cast<int>(min_i(8, tile.count - first));
  float fixed_scratch[kFixed != 0 ? kFixed : 1];
  float* const d = kFixed != 0 ? fixed_scratch : tile.scratch;
  const float* s = tile.inverse_scale + first;
  V8 zeros{}, tails{}, partial[8] = {};
  Lanes16 errors[8];
  bool moving[8] = {};
  for (int j = 0; j < count; ++j) {
    zeros[j] = tile.zeros[first + j];
    moving[j] = true;
  }
  bool any_moving = true;
  for (int step = 0; step < params.steps; ++step) {
    if (any_moving) {
      StepErrors now;
      for (int j = 0; j < count; ++j) {
        if (!moving[j]) continue;
        now.total = {};
        step_run(tile.x + (first + j) * g, g, s[j], zeros[j], params.max_value, d, now);
        errors[j] = now.total;
        float tail;
        partial[j] = contiguous_partial_sum(d, g, &tail);
        tails[j] = tail;
      }
      if (max_lane(now.largest) > kShrinkFrom) {
        for (int j = 0; j < count; ++j) {
          if (!moving[j]) continue;
          const float* x = tile.x + (first + j) * g;
          step_run(x, g, s[j], zeros[j], params.max_value, d, now);
          for (int64_t i = 0; i < g; ++i) shrink_one(x[i], s[j], zeros[j], params.max_value, d + i);
          float tail;
          partial[j] = contiguous_partial_sum(d, g, &tail);
          tails[j] = tail;
        }
      }
      const V8 updated = add_lanes_in_order(partial, tails) / static_cast<float>(g);
      any_moving = false;
      for (int j = 0; j < count; ++j) {
        if (!moving[j]) continue;
        moving[j] = updated[j] != zeros[j];
        tile.settled[first + j] = static_cast<uint8_t>(moving[j] ? step + 1 : step);
        any_moving |= moving[j];
      }
      zeros = updated;
      float* plane = tile.zeros + (step + 1) * tile.zero_stride + first;
      for (int j = 0; j < count; ++j) plane[j] = zeros[j];
    }
    Lanes16 total = errors[0];
    for (int j = 1; j < count; ++j) total += errors[j];
    tile.error_sums[step] += sum_lanes(total);
  }
}

bool solve_rows(const SolveParams& params, const SolveTile& tile) {
  for (int64_t group = 0; group < tile.count; ++group) {
    float low, high;
    if (!range(tile.x + group * tile.group_size, tile.group_size, &low, &high)) return false;
    initial_affine(low, high, params, tile.inverse_scale + group, tile.zeros + group);
    tile.settled[group] = 0;
  }
  if (params.steps == 0) return true;
  const auto solve_eight = tile.group_size == 16    ? solve_eight_rows<16>
                           : tile.group_size == 32  ? solve_eight_rows<32>
                           : tile.group_size == 64  ? solve_eight_rows<64>
                           : tile.group_size == 128 ? solve_eight_rows<128>
                                                    : solve_eight_rows<0>;
  for (int64_t first = 0; first < tile.count; first += 8) solve_eight(params, tile, first);
  return true;
}

/// All steps of kLanes neighbouring columns; puts their errors into errors[step] and records zeros and settling.
inline void solve_column_part(const SolveParams& params, const SolveTile& tile, int part, const float* s, const float* zero,
                              Lanes16* errors) {
  const int64_t first = part * kLanes, count = min_i(kLanes, tile.count - first), plain = tile.plain_columns - first;
  Columns columns{tile.x + first, tile.group_size, load<V>(s + first), load<V>(zero + first), splat<V>(params.max_value)};
  ColumnSums sums;
  bool moving = true;
  for (int step = 0; step < params.steps; ++step) {
    if (moving) {
      columns.largest = V{};
      sums = columns.step<false>(plain);
      if (max_lane(columns.largest) > kShrinkFrom) sums = columns.step<true>(plain);
      const V updated = sums.difference / static_cast<float>(tile.group_size);
      moving = !all_set(updated == columns.zero);
      for (int64_t lane = 0; lane < count; ++lane) {
        tile.zeros[(step + 1) * tile.zero_stride + first + lane] = updated[lane];
        if (updated[lane] != columns.zero[lane]) tile.settled[first + lane] = static_cast<uint8_t>(step + 1);
      }
      columns.zero = updated;
    }
    errors[step].part[part] = sums.error;
  }
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
    tile.settled[lane] = 0;
  }
  Lanes16 errors[kSolverSteps];
  for (int part = 0; part < kParts; ++part) solve_column_part(params, tile, part, s, zero, errors);
  for (int step = 0; step < params.steps; ++step) {
    tile.error_sums[step] += sum_lanes(errors[step]);
  }
  return true;
}

/// ErrorLanes in registers.
struct FinalSums {
  Lanes16 abs_error, sq_error, abs_weight, max_error;

  static Lanes16 of(const float* lanes) {
    Lanes16 v;
    __builtin_memcpy(v.part, lanes, sizeof(v.part));
    return v;
  }
  explicit FinalSums(const ErrorLanes& from)
      : abs_error(of(from.abs_error)), sq_error(of(from.sq_error)), abs_weight(of(from.abs_weight)), max_error(of(from.max_error)) {}
  void store_to(ErrorLanes& to) const {
    __builtin_memcpy(to.abs_error, abs_error.part, sizeof(to.abs_error));
    __builtin_memcpy(to.sq_error, sq_error.part, sizeof(to.sq_error));
    __builtin_memcpy(to.abs_weight, abs_weight.part, sizeof(to.abs_weight));
    __builtin_memcpy(to.max_error, max_error.part, sizeof(to.max_error));
  }
};

/// An affine map for every element of a row ...
struct LaneAffine {
  const FinalAffine& a;
  V inverse_scale(int64_t i) const { return load<V>(a.inverse_scale + i); }
  V zero(int64_t i) const { return load<V>(a.zero + i); }
  V scale(int64_t i) const { return load<V>(a.scale + i); }
  V zero_stored(int64_t i) const { return load<V>(a.zero_stored + i); }
  FinalAffine one(int64_t i) const { return {a.inverse_scale + i, a.zero + i, a.scale + i, a.zero_stored + i}; }
};
/// ... and the same one for all of them.
struct RowAffine {
  const FinalAffine& a;
  int64_t row;
  V inverse_scale(int64_t) const { return splat<V>(a.inverse_scale[row]); }
  V zero(int64_t) const { return splat<V>(a.zero[row]); }
  V scale(int64_t) const { return splat<V>(a.scale[row]); }
  V zero_stored(int64_t) const { return splat<V>(a.zero_stored[row]); }
  FinalAffine one(int64_t) const { return {a.inverse_scale + row, a.zero + row, a.scale + row, a.zero_stored + row}; }
};

template <typename Affine>
inline void quantize_row(const float* x, int64_t n, const Affine& at, float max_value, uint8_t* q, FinalSums& sums) {
  const V vm = splat<V>(max_value);
  const int64_t whole = n / kTileLanes * kTileLanes;
  for (int64_t i = 0; i < whole; i += kTileLanes) {
    int32_t integers[kTileLanes];
    for (int part = 0; part < kParts; ++part) {
      const int64_t j = i + part * kLanes;
      const V vx = load<V>(x + j);
      const V value = quantize_v(vx * at.inverse_scale(j), at.zero(j), vm);
      const V error = abs_v(vx - (value - at.zero_stored(j)) * at.scale(j));
      const VI integer = __builtin_convertvector(value, VI);
      __builtin_memcpy(integers + part * kLanes, &integer, sizeof(integer));
      sums.abs_error.part[part] += error;
      sums.sq_error.part[part] += error * error;
      sums.abs_weight.part[part] += abs_v(vx);
      sums.max_error.part[part] = max_v(sums.max_error.part[part], error);
    }
    for (int lane = 0; lane < kTileLanes; ++lane) q[i + lane] = static_cast<uint8_t>(integers[lane]);
  }
  for (int64_t i = whole; i < n; ++i) {
    const FinalAffine a = at.one(i);
    const float value = quantize_f(x[i] * *a.inverse_scale, *a.zero, max_value);
    const float error = abs_f(x[i] - (value - *a.zero_stored) * *a.scale);
    q[i] = static_cast<uint8_t>(value);
    const int64_t part = (i - whole) / kLanes, lane = (i - whole) % kLanes;
    sums.abs_error.part[part][lane] += error;
    sums.sq_error.part[part][lane] += error * error;
    sums.abs_weight.part[part][lane] += abs_f(x[i]);
    sums.max_error.part[part][lane] = max_f(sums.max_error.part[part][lane], error);
  }
}

void quantize_rows(const float* x, int64_t rows, int64_t n, const FinalAffine& affine, float max_value, uint8_t* q,
                   ErrorLanes& lanes) {
  FinalSums sums(lanes);
  for (int64_t row = 0; row < rows; ++row) {
    quantize_row(x + row * n, n, RowAffine{affine, row}, max_value, q + row * n, sums);
  }
  sums.store_to(lanes);
}

void quantize_lanes(const float* x, int64_t n, const FinalAffine& affine, float max_value, uint8_t* q, ErrorLanes& lanes) {
  FinalSums sums(lanes);
  quantize_row(x, n, LaneAffine{affine}, max_value, q, sums);
  sums.store_to(lanes);
}

// Plain loops: the compiler vectorizes them for each instruction set, and no sum is involved whose order could differ.

void abs_error_rows(const float* x, int64_t rows, int64_t n, const float* s, const float* zero, float max_value, float* out) {
  for (int64_t row = 0; row < rows; ++row, x += n, out += n) {
    const float row_s = s[row], row_zero = zero[row];
    for (int64_t i = 0; i < n; ++i) {
      out[i] = abs_f(x[i] - (quantize_f(x[i] * row_s, row_zero, max_value) - row_zero) / row_s);
    }
  }
}

void abs_error_lanes(const float* x, int64_t n, const float* s, const float* zero, float max_value, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = abs_f(x[i] - (quantize_f(x[i] * s[i], zero[i], max_value) - zero[i]) / s[i]);
}

void dequantize_rows(const uint8_t* q, int64_t rows, int64_t n, const float* zero, const float* scale, float* out) {
  for (int64_t row = 0; row < rows; ++row, q += n, out += n) {
    const float row_zero = zero[row], row_scale = scale[row];
    for (int64_t i = 0; i < n; ++i) out[i] = (static_cast<float>(q[i]) - row_zero) * row_scale;
  }
}

void dequantize_lanes(const uint8_t* q, int64_t n, const float* zero, const float* scale, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = (static_cast<float>(q[i]) - zero[i]) * scale[i];
}

constexpr SolverKernels make_solver_kernels() {
  return {range,          solve_rows,      solve_columns,   quantize_rows,   quantize_lanes,
          abs_error_rows, abs_error_lanes, dequantize_rows, dequantize_lanes};
}

}  // namespace
}  // namespace hqq
