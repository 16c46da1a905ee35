#include "cuda/tensor_quantizer.h"

#include <algorithm>

#include "cuda/check.h"
#include "cuda/mean_error.cuh"
#include "cuda/metadata.cuh"
#include "cuda/pack.cuh"
#include "cuda/reduce.cuh"
#include "cuda/solve.cuh"
#include "quant/meta.h"
#include "quant/stop_rule.h"

namespace hqq::cuda {
namespace {

constexpr int64_t kAlignment = 256;
constexpr float kMaxMetaValue = 255.0f;

/// Hands out pieces of one allocation; from null it only counts.
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<std::byte*>(base)) {}
  template <typename T>
  T* take(int64_t count) {
    const int64_t at = used_;
    used_ += (count * static_cast<int64_t>(sizeof(T)) + kAlignment - 1) / kAlignment * kAlignment;
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  int64_t used() const { return used_; }

 private:
  std::byte* base_;
  int64_t used_ = 0;
};

/// Scales or zeros as a matrix that is quantized in turn: columns of `group_size` values, or all of them as one group.
GroupedWeights meta_view(const float* values, int64_t count, int64_t group_size) {
  const int64_t groups = group_size == 0 ? 1 : count / group_size;
  return {values,
          DType::f32,
          group_size == 0 ? 1 : group_size,
          count / (group_size == 0 ? 1 : group_size),
          groups,
          group_size == 0 ? count : group_size,
          groups == 1};
}

}  // namespace

/// Where everything lies. `trial` shares its place with `packed`, which is written after the last trial.
struct TensorQuantizer::Workspace {
  struct Meta {
    std::byte* values;
    uint8_t* q;
    float *q_scale, *q_zero, *back;
  };
  std::byte* packed;
  float* trial_zero;
  float* trial_scratch;
  float *inverse_scale, *zero, *scale;
  uint8_t* settled;
  float* errors;  // of the steps, then of the packing
  double* totals;
  float* rounded_errors;
  int* bad_weight;
  Meta scale_meta, zero_meta;
  float* meta_inverse_scale;
  uint8_t* meta_settled;
  int64_t bytes;
};

TensorQuantizer::TensorQuantizer(const QuantizeTask& task)
    : task_(task),
      view_(resolve_grouping(task.config, task.shape)),
      packing_(packing_for(task.config.nbits, task.format)) {
  if (task.format == PackFormat::interchange) require_interchangeable(packing_, view_.rows);
  steps_ = task.config.optimize && !view_.per_tensor ? kSolverSteps : 0;
  workspace_bytes_ = layout(nullptr).bytes;
}

GroupedWeights TensorQuantizer::weights() const {
  return {device_weights_, task_.dtype, view_.rows, view_.cols, view_.groups, view_.group_size, view_.contiguous()};
}

TensorQuantizer::Workspace TensorQuantizer::layout(void* base) const {
  const QuantConfig& config = task_.config;
  const int64_t groups = view_.groups;
  Workspace w{};
  Carver carver(base);
  const bool trials = steps_ > 0 && !task_.keep_best;
  Carver trial(base);
  w.trial_zero = trial.take<float>(trials ? groups : 0);
  w.trial_scratch = trial.take<float>(trials ? MeanErrors::scratch_bytes(view_.numel()) / 4 : 0);
  w.packed = carver.take<std::byte>(std::max(packed_bytes(packing_, view_.rows, view_.cols), trial.used()));
  w.inverse_scale = carver.take<float>(groups);
  w.zero = carver.take<float>(groups);
  w.scale = carver.take<float>(groups);
  w.settled = carver.take<uint8_t>(groups);

  int64_t errors = std::max(kErrorTotals * pack_error_slots(weights(), packing_),
                            trials ? kSolverSteps * error_slots(weights()) : 0);
  int64_t meta_groups = 0;
  const auto take_meta = [&](bool quantized, int64_t group_size, float* plain, Workspace::Meta& meta) {
    if (!quantized) {
      // Values that stay float32 are the working copy itself.
      meta.values = task_.meta_dtype == DType::f32 ? reinterpret_cast<std::byte*>(plain)
                                                   : carver.take<std::byte>(groups * size_of(task_.meta_dtype));
      return;
    }
    const GroupedWeights own = meta_view(nullptr, groups, group_size);
    errors = std::max(errors, kErrorTotals * pack_error_slots(own, Packing::u8_8bit));
    meta_groups = std::max(meta_groups, own.groups);
    meta.q = carver.take<uint8_t>(groups);
    meta.q_scale = carver.take<float>(own.groups);
    meta.q_zero = carver.take<float>(own.groups);
    meta.back = carver.take<float>(groups);
  };
  take_meta(config.quant_scale, kScaleGroupSize, w.scale, w.scale_meta);
  take_meta(config.quant_zero, 0, w.zero, w.zero_meta);
  w.meta_inverse_scale = carver.take<float>(meta_groups);
  w.meta_settled = carver.take<uint8_t>(meta_groups);
  w.errors = carver.take<float>(errors);
  w.totals = carver.take<double>(std::max(kSolverSteps, 2 * kErrorTotals));
  w.rounded_errors = carver.take<float>(kSolverSteps);
  w.bad_weight = carver.take<int>(2);  // of the weights; of the metadata, which cannot be bad
  w.bytes = carver.used();
  return w;
}

void TensorQuantizer::start(const void* weights_on_device, void* workspace, QuantizeReadback* readback,
                            cudaStream_t stream) {
  device_weights_ = weights_on_device;
  mean_errors_.reset();
  rounded_ = 0;
  workspace_ = workspace;
  readback_ = readback;
  const Workspace w = layout(workspace);
  const GroupedWeights matrix = weights();
  HQQ_CUDA_CHECK(cudaMemsetAsync(w.bad_weight, 0, 2 * sizeof(int), stream));
  const SolveParams params{static_cast<float>(max_quantized_value(task_.config.nbits)), task_.config.round_zero, steps_,
                           task_.keep_best && steps_ > 0};
  solve(matrix, params, {w.inverse_scale, w.zero, w.settled, w.errors, w.bad_weight}, stream);
  if (steps_ > 0 && !task_.keep_best) {
    total_rows(w.errors, kSolverSteps, error_slots(matrix), w.totals, stream);
    HQQ_CUDA_CHECK(
        cudaMemcpyAsync(readback->step_totals, w.totals, sizeof readback->step_totals, cudaMemcpyDeviceToHost, stream));
  }
  HQQ_CUDA_CHECK(cudaMemcpyAsync(&readback->bad_weight, w.bad_weight, sizeof(int), cudaMemcpyDeviceToHost, stream));
}

/// Those of `step` and of the one before, which is asked for next.
void TensorQuantizer::find_rounded_errors(int step, cudaStream_t stream) {
  const Workspace w = layout(workspace_);
  const float max_value = static_cast<float>(max_quantized_value(task_.config.nbits));
  if (!mean_errors_) mean_errors_.emplace(weights(), max_value, w.inverse_scale, w.trial_scratch);
  for (int wanted = step; wanted >= std::max(0, step - 1); --wanted) {
    if ((rounded_ >> wanted & 1) != 0) continue;
    rounded_ |= 1u << wanted;
    const SolveParams params{max_value, task_.config.round_zero, wanted, false};
    solve_unsettled(weights(), params, {w.inverse_scale, w.trial_zero, w.settled, nullptr, w.bad_weight}, stream);
    mean_errors_->add_step({w.zero, w.trial_zero, w.settled, wanted}, w.rounded_errors + wanted, stream);
  }
  HQQ_CUDA_CHECK(cudaMemcpyAsync(readback_->rounded_errors, w.rounded_errors, sizeof readback_->rounded_errors,
                                 cudaMemcpyDeviceToHost, stream));
  HQQ_CUDA_CHECK(cudaStreamSynchronize(stream));
}

void TensorQuantizer::quantize_meta(const float* values, int64_t group_size, DeviceMeta& out, float* back,
                                    cudaStream_t stream) {
  const Workspace w = layout(workspace_);
  const GroupedWeights own = meta_view(values, view_.groups, group_size);
  auto* const q = const_cast<uint8_t*>(out.q);
  auto* const q_scale = const_cast<float*>(out.q_scale);
  auto* const q_zero = const_cast<float*>(out.q_zero);
  solve(own, {kMaxMetaValue, false, 0, false},
        {w.meta_inverse_scale, q_zero, w.meta_settled, nullptr, w.bad_weight + 1}, stream);
  reciprocals(w.meta_inverse_scale, own.groups, q_scale, stream);
  pack(own, Packing::u8_8bit, kMaxMetaValue, {w.meta_inverse_scale, q_zero, q_scale, q_zero}, q, w.errors,
       w.totals + kErrorTotals, stream);
  dequantize_bytes(q, q_scale, q_zero, own.groups, view_.groups, back, stream);
}

DeviceResult TensorQuantizer::finish(cudaStream_t stream) {
  HQQ_CUDA_CHECK(cudaStreamSynchronize(stream));
  require(readback_->bad_weight == 0, ErrorCode::bad_weights,
          "the matrix holds NaN, infinity or a weight too large to be quantized");
  const Workspace w = layout(workspace_);
  const GroupedWeights matrix = weights();
  const float max_value = static_cast<float>(max_quantized_value(task_.config.nbits));
  iterations_ = steps_;
  if (steps_ > 0 && !task_.keep_best) {
    iterations_ = executed_steps(readback_->step_totals, [&](int step) {
      if ((rounded_ >> step & 1) == 0) find_rounded_errors(step, stream);
      return readback_->rounded_errors[step];
    });
    if (iterations_ < steps_) {
      const SolveParams params{max_value, task_.config.round_zero, iterations_, false};
      solve_unsettled(matrix, params, {w.inverse_scale, w.zero, w.settled, nullptr, w.bad_weight}, stream);
    }
  }
  reciprocals(w.inverse_scale, view_.groups, w.scale, stream);

  DeviceResult result;
  const auto store = [&](bool quantized, int64_t group_size, const float* values, const Workspace::Meta& meta,
                         DeviceMeta& out) {
    if (quantized) {
      const int64_t own_groups = group_size == 0 ? 1 : view_.groups / group_size;
      out = {nullptr, meta.q, meta.q_scale, meta.q_zero, 0, view_.groups, own_groups * 4};
      quantize_meta(values, group_size, out, meta.back, stream);
      return static_cast<const float*>(meta.back);
    }
    out.values = meta.values;
    out.values_bytes = view_.groups * size_of(task_.meta_dtype);
    if (task_.meta_dtype != DType::f32) round_to(task_.meta_dtype, values, view_.groups, meta.values, stream);
    return values;
  };
  const float* scale = store(task_.config.quant_scale, kScaleGroupSize, w.scale, w.scale_meta, result.scale);
  const float* zero = store(task_.config.quant_zero, 0, w.zero, w.zero_meta, result.zero);
  pack(matrix, packing_, max_value, {w.inverse_scale, w.zero, scale, zero}, w.packed, w.errors, w.totals, stream);
  HQQ_CUDA_CHECK(
      cudaMemcpyAsync(readback_->errors, w.totals, sizeof readback_->errors, cudaMemcpyDeviceToHost, stream));
  result.packed = w.packed;
  result.packed_bytes = packed_bytes(packing_, view_.rows, view_.cols);
  return result;
}

}  // namespace hqq::cuda
