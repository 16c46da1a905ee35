// Scale and zero of one group by alternating rounding and least squares: round with the present affine map, regress the weights
// on the integers, round again. Neither step can raise the (weighted) squared error, so each start ends in a local minimum and
// the best of several is kept. The idea is that of coordinate descent on k-means with equally spaced centres (Lloyd, 1982).
//
// Compiled once per instruction set from group_fit_kernels.h; all levels give the same bits.
#pragma once

#include <cstdint>

namespace hqq {

/// Groups are padded to a multiple of this many values, with weights of zero.
constexpr int64_t kFitLanes = 16;

/// An affine map of a group: q = clamp(round(w * inverse_scale + zero), 0, max), w' = (q - zero) / inverse_scale.
struct AffineMap {
  float inverse_scale = 1;
  float zero = 0;
};

struct FitProblem {
  const float* w;       // [n], finite
  const float* h;       // [n] importance of each value, >= 0; null: all count alike
  int64_t n = 0;        // a multiple of kFitLanes
  float max_value = 0;  // 2^nbits - 1
  float low = 0, high = 0;   // range of the values that count
  const AffineMap* known = nullptr;  // a solution that the result must not be worse than; null: none
};

/// The best map found; the error is sum h (w - w')^2.
struct GroupFit {
  AffineMap map;
  double error = 0;
};

using FitGroup = GroupFit (*)(const FitProblem& problem);

extern const FitGroup kFitGroupScalar;
extern const FitGroup kFitGroupAvx2;
extern const FitGroup kFitGroupAvx512;
extern const FitGroup kFitGroupNeon;

/// The function of the active SIMD level.
FitGroup fit_group();

}  // namespace hqq
