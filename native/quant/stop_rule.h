// Where the reference's optimizer stops, from sums that were added in another order than its own.
#pragma once

#include <cmath>

#include "quant/solver.h"

namespace hqq {

/// Relative difference of two mean errors below which float32 rounding decides which is larger. The rounding error of
/// the reference's own float32 sum stays well under half of this.
constexpr double kUndecidedError = 1e-6;

/// How many steps the reference executes: it stops after the first whose float32 mean error is not below the one
/// before. totals: [kSolverSteps] sums of |w - w'| before each step's update; rounded_error(step): the mean error
/// rounded exactly as the reference does, asked for only where that decides: of a step first, then of the one before.
template <typename RoundedError>
int executed_steps(const double* totals, RoundedError rounded_error) {
  for (int step = 1; step < kSolverSteps; ++step) {
    bool improved = totals[step] < totals[step - 1];
    if (std::fabs(totals[step] - totals[step - 1]) <= kUndecidedError * totals[step - 1]) {
      const float now = rounded_error(step), before = rounded_error(step - 1);
      improved = now < before;
    }
    if (!improved) return step + 1;
  }
  return kSolverSteps;
}

}  // namespace hqq
