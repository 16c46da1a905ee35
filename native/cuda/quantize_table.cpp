#include "cuda/device.h"
#include "cuda/quantize_session.h"
#include "cuda/tables.h"

struct HqqCudaQuantizer {
  hqq::cuda::QuantizeSession session;
};

namespace hqq::cuda {
namespace {

DType dtype_of(int32_t value) {
  require(value >= 0 && value <= static_cast<int32_t>(DType::bf16), ErrorCode::bad_input,
          "weights and scales are float32, float16 or bfloat16");
  return static_cast<DType>(value);
}

QuantizeTask task_of(const HqqCudaQuantizeTask& from) {
  QuantizeTask task;
  task.config.nbits = from.nbits;
  task.config.group_size = from.group_size;
  task.config.axis = from.axis;
  task.config.channel_wise = from.channel_wise != 0;
  task.config.round_zero = from.round_zero != 0;
  task.config.optimize = from.optimize != 0;
  task.config.quant_zero = from.quant_zero != 0;
  task.config.quant_scale = from.quant_scale != 0;
  task.shape = {from.out_features, from.in_features};
  task.dtype = dtype_of(from.dtype);
  task.format = from.dense != 0 ? PackFormat::dense : PackFormat::interchange;
  task.meta_dtype = dtype_of(from.meta_dtype);
  task.keep_best = from.keep_best != 0;
  return task;
}

MetaTarget target_of(const HqqCudaMetaTarget& from) { return {from.values, from.q, from.q_scale, from.q_zero}; }

int create(int32_t device, int32_t slots, HqqCudaQuantizer** quantizer, HqqCudaStatus* status) {
  return guarded(status, [&] { *quantizer = new HqqCudaQuantizer{QuantizeSession(checked_ordinal(device), slots)}; });
}

void destroy(HqqCudaQuantizer* quantizer) { delete quantizer; }

int device_bytes(const HqqCudaQuantizeTask* task, int64_t* bytes, HqqCudaStatus* status) {
  return guarded(status, [&] { *bytes = QuantizeSession::device_bytes(task_of(*task)); });
}

int start(HqqCudaQuantizer* quantizer, int32_t slot, const HqqCudaQuantizeTask* task, const void* weights,
          HqqCudaStatus* status) {
  return guarded(status, [&] { quantizer->session.start(slot, task_of(*task), weights); });
}

int finish(HqqCudaQuantizer* quantizer, int32_t slot, const HqqCudaQuantizeTarget* target,
           HqqCudaQuantizeOutcome* outcome, HqqCudaStatus* status) {
  return guarded(status, [&] {
    const QuantizeOutcome made =
        quantizer->session.finish(slot, {target->packed, target_of(target->scale), target_of(target->zero)});
    *outcome = {made.iterations, made.abs_error, made.sq_error, made.abs_weight, made.max_error};
  });
}

int discard(HqqCudaQuantizer* quantizer, int32_t slot, HqqCudaStatus* status) {
  return guarded(status, [&] { quantizer->session.discard(slot); });
}

}  // namespace

HqqCudaQuantizeApi quantize_table() { return {create, destroy, device_bytes, start, finish, discard}; }

}  // namespace hqq::cuda
