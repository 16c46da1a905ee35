// The mean |w - w'| of the whole matrix, rounded exactly as the reference does: it decides when the solver stops.
#pragma once

#include "cuda/solve.cuh"

namespace hqq::cuda {

/// Zeros at some step: a group that still moved then has its own, the others their last.
struct TrialZeros {
  const float* zero = nullptr;       // [groups], of groups with settled <= step
  const float* moving = nullptr;     // [groups], of the others
  const uint8_t* settled = nullptr;  // [groups]
  int step = 0;
};

/// Float32 means of |w - (q - zero) / s| with the order of additions of quant/mean_error.h. Asynchronous; a sequence of
/// calls over one matrix on one stream.
class MeanErrors {
 public:
  /// Bytes of device memory to work in.
  static int64_t scratch_bytes(int64_t elements);

  MeanErrors(const GroupedWeights& weights, float max_value, const float* inverse_scale, void* scratch)
      : weights_(weights),
        max_value_(max_value),
        inverse_scale_(inverse_scale),
        scratch_(static_cast<float*>(scratch)) {}

  /// Writes the mean at the zeros of one step to `mean` (device). What was summed of groups that have settled before is
  /// not summed again.
  void add_step(const TrialZeros& zeros, float* mean, cudaStream_t stream);

 private:
  GroupedWeights weights_;
  float max_value_;
  const float* inverse_scale_;
  float* scratch_;
  int lowest_step_ = -1;  // so far; groups settled by then are summed as they will stay. -1: nothing is
};

}  // namespace hqq::cuda
