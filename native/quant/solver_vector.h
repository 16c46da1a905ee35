// Vectors of HQQ_VECTOR_LANES floats (GCC vector extensions), rounding and the sums of the solver kernels. Included only by
// solver_kernels.h and group_fit_kernels.h; everything here has internal linkage and uses no templates of the standard library, because an inline
// function that the linker merges across files could carry one instruction set's code into another's path.
#pragma once

#include <cstdint>

#include "quant/solver.h"

namespace hqq {
namespace {

constexpr int kLanes = HQQ_VECTOR_LANES;
constexpr int kParts = kTileLanes / kLanes;  // vectors that hold one lane set of 16

typedef float V __attribute__((vector_size(4 * HQQ_VECTOR_LANES)));
typedef int32_t VI __attribute__((vector_size(4 * HQQ_VECTOR_LANES)));
typedef float V4 __attribute__((vector_size(16)));
typedef float V8 __attribute__((vector_size(32)));

template <typename T>
inline T load(const float* p) {
  T v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
template <typename T>
inline void store(float* p, T v) { __builtin_memcpy(p, &v, sizeof(v)); }
template <typename T>
inline T splat(float f) { return f - T{}; }
inline V max_v(V a, V b) { return a > b ? a : b; }
inline V min_v(V a, V b) { return a < b ? a : b; }
inline V abs_v(V a) { return (V)((VI)a & 0x7fffffff); }
inline float abs_f(float a) { return __builtin_fabsf(a); }
inline float max_f(float a, float b) { return a > b ? a : b; }
inline float max_lane(V v) {
  float largest = v[0];
  for (int lane = 1; lane < kLanes; ++lane) largest = max_f(largest, v[lane]);
  return largest;
}
inline float min_lane(V v) { return -max_lane(-v); }
inline bool all_set(VI mask) {
  int32_t all = -1;
  for (int lane = 0; lane < kLanes; ++lane) all &= mask[lane];
  return all != 0;
}
inline int64_t min_i(int64_t a, int64_t b) { return a < b ? a : b; }

// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for the values 0..255 that reach it.
constexpr float kRounder = 12582912.0f;
// Elements whose errors are summed before the sum joins a total, so that float32 rounding stays small in long groups.
constexpr int64_t kRunBeforeTotal = 2048;

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

/// One float for each of 16 lanes.
struct Lanes16 {
  V part[kParts] = {};
  void operator+=(const Lanes16& other) {
    for (int k = 0; k < kParts; ++k) part[k] += other.part[k];
  }
};

/// Sum of 16 lanes in one fixed order.
inline double sum_lanes(const Lanes16& v) {
  float lanes[kTileLanes];
  __builtin_memcpy(lanes, v.part, sizeof(lanes));
  const V4 a = (load<V4>(lanes) + load<V4>(lanes + 8)) + (load<V4>(lanes + 4) + load<V4>(lanes + 12));
  return static_cast<double>((a[0] + a[2]) + (a[1] + a[3]));
}

/// log2 rounded up, as PyTorch's cascade sum uses it.
inline int64_t ceil_log2(int64_t n) {
  int64_t bits = 0;
  while ((int64_t{1} << bits) < n) ++bits;
  return bits;
}

/// PyTorch's cascade: rows are added one after the other in blocks of 16 or more, block sums again in blocks, four levels deep.
/// add_row(i, acc) adds row i to the accumulators of one row, a T with += and T{} as zero.
template <typename T, typename Add>
inline T cascade_sum(int64_t rows, Add add_row) {
  constexpr int kLevels = 4;
  if (rows < 16) {  // no complete block, so no levels
    T sum{};
    for (int64_t i = 0; i < rows; ++i) add_row(i, sum);
    return sum;
  }
  T acc[kLevels] = {};
  const int64_t wanted = ceil_log2(rows) / kLevels;
  const int64_t power = wanted > 4 ? wanted : 4;
  const int64_t step = int64_t{1} << power;
  int64_t i = 0;
  while (i + step <= rows) {
    for (const int64_t end = i + step; i < end; ++i) add_row(i, acc[0]);
    for (int level = 1; level < kLevels; ++level) {
      acc[level] += acc[level - 1];
      acc[level - 1] = T{};
      if ((i & ((step - 1) << (level * power))) != 0) break;
    }
  }
  for (; i < rows; ++i) add_row(i, acc[0]);
  for (int level = 1; level < kLevels; ++level) acc[0] += acc[level];
  return acc[0];
}

struct FourV8 {
  V8 part[4] = {};
  void operator+=(const FourV8& other) {
    for (int k = 0; k < 4; ++k) part[k] += other.part[k];
  }
};

/// Sum over a contiguous group in PyTorch's order for 8-lane vectors, up to its last step: the lanes, which are still to be
/// added to `tail` one after the other.
inline V8 contiguous_partial_sum(const float* d, int64_t n, float* tail) {
  float rest = 0;
  if (n < 8) {
    float sums[4] = {};
    const int64_t quads = n / 4;  // 0 or 1
    for (int64_t i = 0; i < quads * 4; ++i) sums[i] += d[i];
    for (int64_t i = quads * 4; i < n; ++i) sums[0] += d[i];
    *tail = ((sums[0] + sums[1]) + sums[2]) + sums[3];
    return V8{};
  }
  const int64_t vectors = n / 8, quads = vectors / 4;
  FourV8 sum = cascade_sum<FourV8>(quads, [d](int64_t i, FourV8& acc) {
    for (int k = 0; k < 4; ++k) acc.part[k] += load<V8>(d + i * 32 + k * 8);
  });
  for (int64_t i = quads * 4; i < vectors; ++i) sum.part[0] += load<V8>(d + i * 8);
  for (int64_t i = vectors * 8; i < n; ++i) rest += d[i];
  *tail = rest;
  return ((sum.part[0] + sum.part[1]) + sum.part[2]) + sum.part[3];
}

/// Adds the eight lanes of each of eight vectors, one after the other, to start[0..7]: a transpose and eight additions.
inline V8 add_lanes_in_order(const V8* v, V8 start) {
  V8 a[8], b[8];
  for (int i = 0; i < 4; ++i) {  // pairs of rows interleaved
    a[2 * i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    a[2 * i + 1] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 2; ++i) {  // pairs of pairs
    b[4 * i] = __builtin_shufflevector(a[4 * i], a[4 * i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    b[4 * i + 1] = __builtin_shufflevector(a[4 * i], a[4 * i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    b[4 * i + 2] = __builtin_shufflevector(a[4 * i + 1], a[4 * i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    b[4 * i + 3] = __builtin_shufflevector(a[4 * i + 1], a[4 * i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  V8 sum = start;
  for (int i = 0; i < 4; ++i) sum += __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
  for (int i = 0; i < 4; ++i) sum += __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  return sum;
}

}  // namespace
}  // namespace hqq
