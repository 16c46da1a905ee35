#include "engine/cuda_quantizer.h"

#include <array>
#include <chrono>
#include <deque>
#include <utility>

#include "quant/grouping.h"
#include "quant/meta.h"
#include "quant/method.h"
#include "quant/weight_reader.h"

namespace hqq {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int32_t kSlots = 2;
/// Bound of the device memory, as a multiple of the matrix.
constexpr int64_t kMostTimesTheWeights = 4;

bool runs_on_device(const QuantizeRequest& request) { return request.method == "hqq" || request.method == "rtn"; }

HqqCudaQuantizeTask task_of(const QuantizeRequest& request, bool keep_best) {
  const QuantConfig& config = request.config;
  require(request.weight.shape.size() == 2, ErrorCode::bad_input,
          "only matrices are quantized, got shape " + to_string(request.weight.shape));
  HqqCudaQuantizeTask task{};
  task.out_features = request.weight.shape[0];
  task.in_features = request.weight.shape[1];
  task.dtype = static_cast<int32_t>(request.weight.dtype);
  task.nbits = config.nbits;
  task.group_size = config.group_size;
  task.axis = config.axis;
  task.channel_wise = config.channel_wise;
  task.round_zero = config.round_zero;
  task.optimize = request.method == "hqq";
  task.quant_zero = config.quant_zero;
  task.quant_scale = config.quant_scale;
  task.dense = request.format == PackFormat::dense;
  task.meta_dtype = static_cast<int32_t>(request.meta_dtype);
  task.keep_best = keep_best;
  return task;
}

/// A meta tensor with room for what the device sends.
MetaTensor empty_meta(const Shape& shape, DType dtype, bool quantized, int64_t group_size) {
  MetaTensor meta;
  meta.shape = shape;
  const int64_t count = numel(shape);
  if (!quantized) {
    meta.dtype = dtype;
    meta.values = Buffer(count * size_of(dtype), MemoryUse::metadata);
    return meta;
  }
  const int64_t groups = group_size == 0 ? 1 : count / group_size;
  meta.quantized = true;
  meta.q = Buffer(count, MemoryUse::metadata);
  meta.q_scale = Buffer(groups * 4, MemoryUse::metadata);
  meta.q_zero = Buffer(groups * 4, MemoryUse::metadata);
  meta.q_shape = group_size == 0 ? shape : Shape{group_size, groups};
  meta.q_meta_shape = group_size == 0 ? Shape{} : Shape{1, groups};
  return meta;
}

HqqCudaMetaTarget target_of(const MetaTensor& meta) {
  return {meta.values.data(), meta.q.data(), meta.q_scale.data(), meta.q_zero.data()};
}

class CudaQuantizer final : public Quantizer {
 public:
  CudaQuantizer(CudaQuantizeLibrary library, int32_t device, bool keep_best)
      : library_(std::move(library)), keep_best_(keep_best) {
    call(library_.api.create, device, kSlots, &quantizer_);
  }
  CudaQuantizer(const CudaQuantizer&) = delete;
  CudaQuantizer& operator=(const CudaQuantizer&) = delete;
  ~CudaQuantizer() override { library_.api.destroy(quantizer_); }

  bool has_room(const QuantizeRequest& request) const override {
    if (under_way_.empty()) return true;
    if (under_way_.size() == kSlots) return false;
    return runs_on_device(request) && fits_twice(request) && fits_twice(under_way_.front().request);
  }

  void start(const QuantizeRequest& request) override {
    require(has_room(request), ErrorCode::busy, "the device has no room for another matrix");
    Entry entry{request, -1, Clock::now()};
    if (runs_on_device(request)) {
      entry.slot = under_way_.empty() || under_way_.front().slot != 0 ? 0 : 1;
      const HqqCudaQuantizeTask task = task_of(request, keep_best_);
      call(library_.api.start, quantizer_, entry.slot, &task, request.weight.data);
    }
    under_way_.push_back(std::move(entry));
  }

  QuantizedTensor finish(QuantStats* stats, Reporter& reporter) override {
    require(!under_way_.empty(), ErrorCode::internal, "no matrix was started");
    const Entry entry = std::move(under_way_.front());
    under_way_.pop_front();
    if (entry.slot < 0) {
      const auto cpu = cpu_quantizer();
      cpu->start(entry.request);
      return cpu->finish(stats, reporter);
    }
    try {
      check_cancelled(reporter);
      return collect(entry, stats);
    } catch (const EngineError& error) {
      call(library_.api.discard, quantizer_, entry.slot);
      // Which weight it is, the host finds out faster than it could be sent.
      if (error.code() == ErrorCode::bad_weights) WeightReader(entry.request.weight).throw_bad_weight();
      throw;
    }
  }

 private:
  struct Entry {
    QuantizeRequest request;
    int32_t slot;  // -1: on the CPU
    Clock::time_point started;
  };

  template <typename Function, typename... Arguments>
  void call(Function function, Arguments... arguments) const {
    HqqCudaStatus status{};
    if (function(arguments..., &status) != 0) library_.fail(status);
  }

  /// A matrix of this kind may be there twice.
  bool fits_twice(const QuantizeRequest& request) const {
    if (!runs_on_device(request)) return true;
    const HqqCudaQuantizeTask task = task_of(request, keep_best_);
    int64_t bytes = 0;
    call(library_.api.device_bytes, &task, &bytes);
    return kSlots * bytes <= kMostTimesTheWeights * request.weight.bytes();
  }

  QuantizedTensor collect(const Entry& entry, QuantStats* stats) {
    const QuantizeRequest& request = entry.request;
    const Grouping view = resolve_grouping(request.config, request.weight.shape);
    QuantizedTensor result;
    result.config = request.config;
    result.config.optimize = request.method == "hqq";
    result.shape = request.weight.shape;
    result.rows = view.rows;
    result.cols = view.cols;
    result.packing = packing_for(request.config.nbits, request.format);
    result.packed_shape = packed_shape(result.packing, view.rows, view.cols);
    result.packed = Buffer(packed_bytes(result.packing, view.rows, view.cols), MemoryUse::weights);
    result.scale = empty_meta(meta_shape(view), request.meta_dtype, request.config.quant_scale, kScaleGroupSize);
    result.zero = empty_meta(meta_shape(view), request.meta_dtype, request.config.quant_zero, 0);
    const HqqCudaQuantizeTarget target{result.packed.data(), target_of(result.scale), target_of(result.zero)};
    HqqCudaQuantizeOutcome outcome{};
    call(library_.api.finish, quantizer_, entry.slot, &target, &outcome);
    if (stats != nullptr) {
      const double n = static_cast<double>(view.numel());
      stats->iterations = outcome.iterations;
      stats->mean_abs_error = outcome.abs_error / n;
      stats->mean_sq_error = outcome.sq_error / n;
      stats->max_abs_error = outcome.max_error;
      stats->mean_abs_weight = outcome.abs_weight / n;
      stats->seconds = std::chrono::duration<double>(Clock::now() - entry.started).count();
    }
    return result;
  }

  CudaQuantizeLibrary library_;
  bool keep_best_;
  HqqCudaQuantizer* quantizer_ = nullptr;
  std::deque<Entry> under_way_;
};

}  // namespace

std::unique_ptr<Quantizer> cuda_quantizer(CudaQuantizeLibrary library, int32_t device, bool keep_best) {
  return std::make_unique<CudaQuantizer>(std::move(library), device, keep_best);
}

}  // namespace hqq
