// Running a model on a device. One call at a time on a model; any thread. Numbers of data types, packings and roles are
// those of the enums named beside them.
#pragma once

#include "cuda/abi_status.h"

typedef struct HqqCudaModel HqqCudaModel;

typedef struct HqqCudaModelShape {
  int64_t vocab, hidden, mlp, layers, heads, kv_heads, head_dim;
  int64_t half_rotary;  // pairs of a head that are rotated
  int64_t context;      // tokens that the cache must hold
  int64_t memory_limit; // bytes this model may take on the device; 0 is no limit
  double norm_epsilon;
  int32_t compute;      // hqq::DType f32, f16 or bf16
  int32_t reserved;
} HqqCudaModelShape;

typedef struct HqqCudaArray {
  const void* data;
  int64_t count;  // elements
  int32_t dtype;  // hqq::DType
  int32_t reserved;
} HqqCudaArray;

/// Rows [first_row, first_row + rows) of a linear layer [stored_rows, cols] as it is stored: `weight`, or `packed` with
/// scale and zero.
typedef struct HqqCudaLinear {
  int64_t rows, cols;
  int64_t stored_rows, first_row;
  HqqCudaArray weight;  // null when quantized
  const void* packed;
  int64_t packed_bytes;
  int64_t view_rows, view_cols;  // of the grouped view
  HqqCudaArray scale, zero;
  int32_t packing;  // hqq::Packing
  int32_t nbits, axis;
  int32_t reserved;
  const float* bias;  // [rows] or null
} HqqCudaLinear;

/// Linear layers that read the same vector are given together, in this order.
enum HqqCudaRole {
  HQQ_CUDA_QKV = 0,      // 3 parts, or 1 that holds all
  HQQ_CUDA_OUTPUT = 1,   // 1
  HQQ_CUDA_GATE_UP = 2,  // 2
  HQQ_CUDA_DOWN = 3,     // 1
  HQQ_CUDA_HEAD = 4      // 1; layer is ignored
};

typedef struct HqqCudaModelInfo {
  int64_t weights, metadata, kv_cache, scratch;  // device bytes
  int64_t bytes_per_token;                       // read for one decoded token, KV cache not included
  int64_t max_batch_tokens;
} HqqCudaModelInfo;

/// Device bytes of a linear layer as it is laid out.
typedef struct HqqCudaLayerBytes {
  int64_t weights, metadata;
} HqqCudaLayerBytes;

typedef struct HqqCudaDecode {
  int64_t last_row;  // of the last forward call: the token whose logits give the first id
  int64_t position;  // where the first id will stand
  const int32_t* prompt;
  int64_t prompt_tokens;
  int64_t max_new_tokens;
  double repetition_penalty;
} HqqCudaDecode;

typedef struct HqqCudaModelApi {
  /// Takes no device memory yet. On success the caller must destroy() it.
  int (*create)(int32_t ordinal, const HqqCudaModelShape* shape, HqqCudaModel** model, HqqCudaStatus* status);
  void (*destroy)(HqqCudaModel* model);
  /// [vocab, hidden]; becomes float16. With `tied` the head reads it too.
  int (*set_embedding)(HqqCudaModel* model, const HqqCudaLinear* table, int32_t tied, HqqCudaLayerBytes* bytes,
                       HqqCudaStatus* status);
  /// f32[hidden]; `which` 0 before attention, 1 before the MLP; layer -1 is the final norm.
  int (*set_norm)(HqqCudaModel* model, int64_t layer, int32_t which, const float* weight, HqqCudaStatus* status);
  /// Uploads and repacks. The parts' memory is free again when it returns; `bytes` has an entry for each part.
  int (*set_linear)(HqqCudaModel* model, int64_t layer, int32_t role, const HqqCudaLinear* parts, int32_t count,
                    HqqCudaLayerBytes* bytes, HqqCudaStatus* status);
  /// Takes the cache and scratch, after everything was set. {out-of-memory} says what context would fit.
  int (*finish)(HqqCudaModel* model, HqqCudaStatus* status);
  int (*info)(HqqCudaModel* model, HqqCudaModelInfo* info, HqqCudaStatus* status);

  /// cos and sin of positions [start, start + count): f32[count][half_rotary] each.
  int (*set_rotary)(HqqCudaModel* model, int64_t start, int64_t count, const float* cos, const float* sin,
                    HqqCudaStatus* status);
  /// ids at positions [start, start + count), at most max_batch_tokens; leaves their final hidden states.
  int (*forward)(HqqCudaModel* model, const int32_t* ids, int64_t count, int64_t start, HqqCudaStatus* status);
  /// out: f32[count][vocab], of rows of the last forward call.
  int (*logits)(HqqCudaModel* model, int64_t first, int64_t count, float* out, HqqCudaStatus* status);
  /// Sum of the negative log-likelihoods of targets[i] given row first + i of the last forward call.
  int (*loss)(HqqCudaModel* model, int64_t first, const int32_t* targets, int64_t count, double* sum,
              HqqCudaStatus* status);
  /// Greedy decoding that feeds ids back on the device and runs some steps ahead of decode_next().
  int (*decode_start)(HqqCudaModel* model, const HqqCudaDecode* options, HqqCudaStatus* status);
  int (*decode_next)(HqqCudaModel* model, int32_t* id, HqqCudaStatus* status);
  int (*decode_stop)(HqqCudaModel* model, HqqCudaStatus* status);
} HqqCudaModelApi;
