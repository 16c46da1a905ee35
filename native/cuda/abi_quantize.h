// Quantizing on a device: matrices go in from host memory and come back packed, several in flight.
#pragma once

#include "cuda/abi_status.h"

typedef struct HqqCudaQuantizer HqqCudaQuantizer;

/// One matrix and what is wanted of it. Types are values of hqq::DType, flags 0 or 1.
typedef struct HqqCudaQuantizeTask {
  int64_t out_features, in_features;
  int32_t dtype;  // of the weights
  int32_t nbits;
  int64_t group_size;  // 0: none
  int32_t axis, channel_wise, round_zero, optimize, quant_zero, quant_scale;
  int32_t dense;       // hqq::PackFormat
  int32_t meta_dtype;  // of scales and zeros that are not quantized themselves
  int32_t keep_best;   // each group's best optimizer step instead of the reference's common one
} HqqCudaQuantizeTask;

/// Host memory for a scale or zero: `values`, or the other three when it is quantized itself.
typedef struct HqqCudaMetaTarget {
  void *values, *q, *q_scale, *q_zero;
} HqqCudaMetaTarget;

typedef struct HqqCudaQuantizeTarget {
  void* packed;
  HqqCudaMetaTarget scale, zero;
} HqqCudaQuantizeTarget;

typedef struct HqqCudaQuantizeOutcome {
  int32_t iterations;
  double abs_error, sq_error, abs_weight;  // sums over the matrix
  double max_error;
} HqqCudaQuantizeOutcome;

typedef struct HqqCudaQuantizeApi {
  /// `slots`: matrices in flight at once.
  int (*create)(int32_t device, int32_t slots, HqqCudaQuantizer** quantizer, HqqCudaStatus* status);
  /// Waits for what is under way. Null is allowed.
  void (*destroy)(HqqCudaQuantizer* quantizer);
  /// Device memory that one matrix takes, its weights included.
  int (*device_bytes)(const HqqCudaQuantizeTask* task, int64_t* bytes, HqqCudaStatus* status);
  /// Begins a matrix in a free slot; `weights` must stay until finish or discard of the slot returns.
  int (*start)(HqqCudaQuantizer* quantizer, int32_t slot, const HqqCudaQuantizeTask* task, const void* weights,
               HqqCudaStatus* status);
  /// Waits and fills the target. The slot is free afterwards, also after an error.
  int (*finish)(HqqCudaQuantizer* quantizer, int32_t slot, const HqqCudaQuantizeTarget* target,
                HqqCudaQuantizeOutcome* outcome, HqqCudaStatus* status);
  /// Drops what is under way in a slot, if anything.
  int (*discard)(HqqCudaQuantizer* quantizer, int32_t slot, HqqCudaStatus* status);
} HqqCudaQuantizeApi;
