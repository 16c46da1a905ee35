// All passes over one matrix whose weights are on the device: solve, find the step at which the reference stops, pack.
#pragma once

#include <bit>
#include <optional>

#include "cuda/grouped_weights.cuh"
#include "cuda/mean_error.cuh"
#include "cuda/memory.h"
#include "quant/bitpack.h"
#include "quant/grouping.h"
#include "quant/solver.h"

namespace hqq::cuda {

/// What is to be done with one matrix.
struct QuantizeTask {
  QuantConfig config;
  Shape shape;               // [out, in]
  DType dtype = DType::f16;  // of the weights: f32, f16 or bf16
  PackFormat format = PackFormat::dense;
  DType meta_dtype = DType::f32;  // of scales and zeros that are not quantized themselves
  bool keep_best = false;         // each group's best step instead of the reference's common one
};

/// A scale or zero as stored: values, or integers with a scale and zero of their own. Device addresses; null where
/// unused.
struct DeviceMeta {
  const void* values = nullptr;  // meta_dtype[groups]
  const uint8_t* q = nullptr;    // [groups]
  const float *q_scale = nullptr, *q_zero = nullptr;
  int64_t values_bytes = 0, q_bytes = 0, q_meta_bytes = 0;
};

struct DeviceResult {
  const void* packed = nullptr;
  int64_t packed_bytes = 0;
  DeviceMeta scale, zero;
};

/// What comes back beside the tensors; page-locked, so that copying it waits for nothing.
struct QuantizeReadback {
  double step_totals[kSolverSteps];
  double errors[4];                    // sums of |w - w'|, (w - w')^2 and |w|, largest |w - w'|
  float rounded_errors[kSolverSteps];  // where they were asked for
  int bad_weight;
};

class TensorQuantizer {
 public:
  /// Throws EngineError{bad_input} for a config that does not fit the shape or the format.
  explicit TensorQuantizer(const QuantizeTask& task);

  const Grouping& view() const { return view_; }
  int64_t weight_bytes() const { return view_.numel() * size_of(task_.dtype); }
  /// Device memory it works in and leaves its results in, beside the weights.
  int64_t workspace_bytes() const { return workspace_bytes_; }

  /// First half, asynchronous: all groups, and the errors of all steps on their way to `readback`. weights: 16-byte
  /// aligned; workspace: 256-byte aligned, workspace_bytes() long. All stay in use until the second half is done.
  void start(const void* weights, void* workspace, QuantizeReadback* readback, cudaStream_t stream);

  /// Second half: waits for the first, decides, packs. On return the rest is under way on the stream, the error totals
  /// included. Throws EngineError{bad_weights} when there is a weight that cannot be quantized (the caller says which).
  DeviceResult finish(cudaStream_t stream);

  /// Executed optimizer steps, after finish().
  int iterations() const { return iterations_; }
  /// Steps whose mean error had to be rounded exactly as the reference does.
  int rounded_steps() const { return std::popcount(rounded_); }

 private:
  struct Workspace;
  Workspace layout(void* base) const;
  GroupedWeights weights() const;
  void find_rounded_errors(int step, cudaStream_t stream);
  void quantize_meta(const float* values, int64_t group_size, DeviceMeta& out, float* back, cudaStream_t stream);

  QuantizeTask task_;
  Grouping view_;
  Packing packing_;
  int steps_ = 0;
  int64_t workspace_bytes_ = 0;
  const void* device_weights_ = nullptr;
  void* workspace_ = nullptr;
  QuantizeReadback* readback_ = nullptr;
  int iterations_ = 0;
  std::optional<MeanErrors> mean_errors_;
  uint32_t rounded_ = 0;  // bit k: readback_ holds the rounded error of step k
};

}  // namespace hqq::cuda
