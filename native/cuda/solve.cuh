// Scales and zero points of all groups of a matrix: the half-quadratic solver of quant/solver.h on the device, bit for
// bit (the power of the shrinkage, needed for errors above 0.17 only, is rounded from float64 and may differ in the
// last place).
//
// Every group runs all its steps on chip, in one read of the weights, until its zero point stops moving: from then on
// all steps would repeat. Where the reference would stop is a property of the whole matrix and known afterwards
// (stop.cuh), so groups that still moved at that step, a few in a thousand, are solved again up to it.
#pragma once

#include "cuda/grouped_weights.cuh"
#include "quant/solver.h"

namespace hqq::cuda {

struct SolveParams {
  float max_value = 15;  // 2^nbits - 1
  bool round_zero = false;
  int steps = kSolverSteps;  // 0: only the initial scale and zero
  bool keep_best = false;    // a group's zero of least mean |w - w'| instead of its last one
};

/// Device memory for the results, one entry per group unless said otherwise.
struct SolveResults {
  float* inverse_scale = nullptr;  // s, so that q = round(w * s + zero)
  float* zero = nullptr;
  uint8_t* settled = nullptr;    // the step after which the zero stayed the same
  float* step_errors = nullptr;  // [steps, error_slots]: sums of |w - w'| before each step's update; not for keep_best
  int* bad_weight = nullptr;     // set to 1 for NaN, infinity or |w| > 1.7e38; never cleared
};

/// Partial sums of the error that solve() writes for each step.
int64_t error_slots(const GroupedWeights& weights);

/// Solves every group. Asynchronous; throws EngineError for a launch that is refused.
void solve(const GroupedWeights& weights, const SolveParams& params, const SolveResults& results, cudaStream_t stream);

/// Replaces the zeros of groups with settled > params.steps by those after params.steps steps; `results.zero` holds
/// what solve() left. Errors, scales and `settled` stay.
void solve_unsettled(const GroupedWeights& weights, const SolveParams& params, const SolveResults& results,
                     cudaStream_t stream);

}  // namespace hqq::cuda
