// Kernels of the half-quadratic solver, compiled once per instruction set from solver_kernels.h. All levels give the same bits:
// element-wise arithmetic is the reference's operation by operation, and every sum has one order that does not depend on the
// vector width. The order of the per-group mean is PyTorch's (see quant/reference.cpp), so zero points equal the reference's.
#pragma once

#include <cstdint>

#include "core/cpu_features.h"

namespace hqq {

/// Optimizer steps of the reference; plane 0 of the zero history is the initial zero, plane k the one after step k.
constexpr int kSolverSteps = 20;
/// Groups of a column tile (axis 0), also the number of partial sums in error statistics.
constexpr int kTileLanes = 16;

struct SolveParams {
  float max_value;   // 2^nbits - 1
  bool round_zero;
  int steps;         // 0: only the initial scale and zero
};

/// Float32 copies of whole groups, with places for the results.
struct SolveTile {
  const float* x;          // solve_rows: [count, group_size]; solve_columns: [group_size, 16], columns past count are zero
  int64_t group_size;
  int64_t count;
  int64_t plain_columns;   // solve_columns: how many leading columns are summed row after row (the others four rows at a time)
  float* inverse_scale;    // [count]: s, so that q = round(x * s + zero)
  float* zeros;            // [steps + 1] planes of zeros[count], `zero_stride` apart; written as long as the group moves
  int64_t zero_stride;
  uint8_t* settled;        // [count]: the plane from which on a group's zero stays the same
  double* error_sums;      // [steps]: sum of |x - x'| before each step's update is added
  float* scratch;          // solve_rows: group_size floats
};

/// Partial sums of the final error: lane i takes the elements with i = (position in their row) mod 16.
struct ErrorLanes {
  alignas(64) float abs_error[kTileLanes] = {};
  alignas(64) float sq_error[kTileLanes] = {};
  alignas(64) float abs_weight[kTileLanes] = {};
  alignas(64) float max_error[kTileLanes] = {};
};

/// Affine maps of the last pass, one per row (`*_rows`) or one per element of a row (`*_lanes`). `scale` and `zero_stored` are
/// what a reader will dequantize with; they differ from 1 / inverse_scale and zero when the metadata is quantized itself.
struct FinalAffine {
  const float *inverse_scale, *zero, *scale, *zero_stored;
};

struct SolverKernels {
  // Smallest and largest value. False when one is not finite or too large for float32 ranges (above 1.7e38).
  bool (*range)(const float* x, int64_t n, float* low, float* high);
  // False as above.
  bool (*solve_rows)(const SolveParams&, const SolveTile&);
  bool (*solve_columns)(const SolveParams&, const SolveTile&);
  // q = clamp(round(x s + zero), 0, max), errors added to `lanes`. Rows: x and q are [rows, n].
  void (*quantize_rows)(const float* x, int64_t rows, int64_t n, const FinalAffine&, float max_value, uint8_t* q, ErrorLanes&);
  void (*quantize_lanes)(const float* x, int64_t n, const FinalAffine&, float max_value, uint8_t* q, ErrorLanes&);
  // |x - x'| as an optimizer step sees it. Rows: x and out are [rows, n].
  void (*abs_error_rows)(const float* x, int64_t rows, int64_t n, const float* inverse_scale, const float* zero, float max_value,
                         float* out);
  void (*abs_error_lanes)(const float* x, int64_t n, const float* inverse_scale, const float* zero, float max_value, float* out);
  // (q - zero) * scale. Rows: q and out are [rows, n].
  void (*dequantize_rows)(const uint8_t* q, int64_t rows, int64_t n, const float* zero, const float* scale, float* out);
  void (*dequantize_lanes)(const uint8_t* q, int64_t n, const float* zero, const float* scale, float* out);
};

extern const SolverKernels kSolverScalar;
extern const SolverKernels kSolverAvx2;
extern const SolverKernels kSolverAvx512;
extern const SolverKernels kSolverNeon;

/// The table of the active SIMD level.
const SolverKernels& solver_kernels();

/// Scale and zero from the range of a group, as the reference computes them (float32, s limited to 2e4, ranges up to 1e-4 given
/// s = 1).
void initial_affine(float low, float high, const SolveParams& params, float* inverse_scale, float* zero);

/// One float32 pow for all levels, used where |x - x'| is so large that the shrinkage is not zero.
float shrink_power(float magnitude);

}  // namespace hqq
