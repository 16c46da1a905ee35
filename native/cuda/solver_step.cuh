// Arithmetic of one element and one solver step, shared by the kernels. Products and sums round separately, as on the
// CPU: __fmul_rn and __fadd_rn are never contracted into a fused multiply-add.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace hqq::cuda {

// Everything that counts in quantization steps (w * s, zero, q) is kept divided by 256, which changes no bit of a
// mantissa: then the lower clamp at 0 is the saturation that an addition does for free, and its upper end, 1, is out of
// reach.
constexpr float kStepUnit = 1.0f / 256.0f;
// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even; here in units of 1/256.
constexpr float kRounder = 12582912.0f * kStepUnit;
// Errors up to here shrink to zero (0.1^(1/1.3) = 0.17013), so the power is only evaluated above.
constexpr float kShrinkFrom = 0.17f;
// Largest weight whose group range cannot overflow.
constexpr float kLargestWeight = 1.7e38f;
constexpr unsigned kWholeWarp = 0xffffffffu;

/// Scale of a group and what follows from it.
struct Affine {
  float inverse_scale;    // s
  float zero;             // initial, in units of 1/256
  float lowest, highest;  // w * s of the group's extremes, in units of 1/256
  float error_unit;       // turns a sum of errors in units of 1/256 into one of weights
};

__device__ __forceinline__ Affine initial_affine(float low, float high, float max_value, bool round_zero) {
  const float range = __fsub_rn(high, low);
  float s = __fmul_rn(__fdiv_rn(1.0f, range), max_value);  // two roundings, as the reference divides
  if (fabsf(range) <= 1e-4f) s = 1.0f;
  s = fminf(s, 2e4f);
  float zero = __fmul_rn(-low, s);
  if (round_zero) zero = rintf(zero);
  const float unit = s * kStepUnit;
  return {s, zero * kStepUnit, low * unit, high * unit, 256.0f / s};
}

/// round(clamp(product + zero, 0, max)); all in units of 1/256.
__device__ __forceinline__ float rounded(float product, float zero, float max_value) {
  const float clamped = fminf(__saturatef(__fadd_rn(product, zero)), max_value);
  return __fsub_rn(__fadd_rn(clamped, kRounder), kRounder);
}

/// True when some element of the group may have an error above kShrinkFrom: an error is half a step, or how far the
/// clamp moved an extreme.
__device__ __forceinline__ bool may_shrink(const Affine& affine, float zero, float max_value) {
  const float below = -(affine.lowest + zero), above = affine.highest + zero - max_value;
  const float largest = fmaxf(0.5f * kStepUnit, fmaxf(below, above));
  return largest * affine.error_unit > 0.999f * kShrinkFrom;
}

/// q - (w - shrink(e)) * s for one weight, in units of 1/256: the slow form of `q - w s` with the generalized soft
/// threshold (p = 0.7, beta = 10). zero and max_value in units of 1/256.
__device__ inline float shrunk_difference(float w, float s, float zero, float max_value) {
  const float product = __fmul_rn(w, s);
  const float q = rounded(product * kStepUnit, zero, max_value) * 256.0f;
  const float error = __fsub_rn(w, __fdiv_rn(__fsub_rn(q, zero * 256.0f), s));
  const float magnitude = fabsf(error);
  if (!(magnitude > kShrinkFrom)) return __fsub_rn(q, product) * kStepUnit;
  const float power = static_cast<float>(pow(static_cast<double>(magnitude), static_cast<double>(-0.3f)));
  const float shrunk = __fsub_rn(magnitude, __fmul_rn(0.1f, power));
  const float kept = copysignf(fmaxf(shrunk, 0.0f), error);
  return __fsub_rn(q, __fmul_rn(__fsub_rn(w, kept), s)) * kStepUnit;
}

/// Sum over `kLanes` neighbouring lanes in a fixed order; every lane gets it.
template <int kLanes>
__device__ __forceinline__ float lane_sum(float value) {
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(kWholeWarp, value, step);
  return value;
}
template <int kLanes>
__device__ __forceinline__ float lane_min(float value) {
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) value = fminf(value, __shfl_xor_sync(kWholeWarp, value, step));
  return value;
}

}  // namespace hqq::cuda
