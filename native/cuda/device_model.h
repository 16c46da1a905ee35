// A model on one device: weights, cache, and the launches of a forward pass. One call at a time.
#pragma once

#include <memory>
#include <vector>

#include "cuda/attention.cuh"
#include "cuda/gemm.cuh"
#include "cuda/gemv.cuh"
#include "cuda/handles.h"
#include "cuda/matrix.h"
#include "cuda/sampling.cuh"

namespace hqq::cuda {

class DeviceModel {
 public:
  DeviceModel(int ordinal, const HqqCudaModelShape& shape);
  ~DeviceModel();

  HqqCudaLayerBytes set_embedding(const HqqCudaLinear& table, bool tied);
  void set_norm(int64_t layer, int which, const float* weight);
  void set_linear(int64_t layer, int role, std::span<const HqqCudaLinear> parts, std::span<HqqCudaLayerBytes> bytes);
  void finish();
  HqqCudaModelInfo info() const;

  void set_rotary(int64_t start, int64_t count, const float* cos, const float* sin);
  void forward(std::span<const int32_t> ids, int64_t start);
  void logits(int64_t first, int64_t count, float* out);
  double loss(int64_t first, std::span<const int32_t> targets);

  void decode_start(const HqqCudaDecode& options);
  int32_t decode_next();
  void decode_stop();

 private:
  struct Layer {
    DeviceBuffer norms[2];
    Projection qkv, output, gate_up, down;
  };

  DeviceBuffer upload_floats(const float* values, int64_t count);
  /// Activations of the vector kernels: float32, in two float16 parts; or float16.
  bool split() const { return compute_ != DType::f16; }
  int64_t cache_bytes_per_value() const { return compute_ == DType::f32 ? 4 : 2; }
  Layer& layer(int64_t index);
  Projection& projection(int64_t layer, int role);
  void reserve();

  GemvArgs input(const void* x, int64_t stride, bool is_half, const DeviceBuffer* norm, int tokens) const;
  void multiply(const Projection& p, GemvArgs args, void* out, int64_t out_stride, GemvOutput mode);
  /// Embedding to final hidden states; ids on the device. `position` non-null: one token whose place is read there.
  void enqueue_forward(const int* ids, int tokens, int64_t start, const int* position);
  void enqueue_attention(int layer, int tokens, int64_t start, const int* position);
  void enqueue_head(int64_t first, int count);
  /// The same for many tokens, through 16-bit copies of the weights.
  bool is_wide(int64_t tokens) const;
  int64_t wide_bytes() const;
  void enqueue_wide(const int* ids, int tokens, int64_t start);
  void multiply_wide(const Matrix& m, const void* x, int64_t tokens, void* out, int64_t out_stride, GemmOutput mode);
  void capture_step();
  ChooseArgs choose_args() const;

  const HqqCudaModelShape shape_;
  const DType compute_;
  const int ordinal_;
  MemoryAccount account_;
  Stream stream_;
  Target target_;
  std::unique_ptr<WeightStaging> staging_;

  std::vector<Layer> layers_;
  DeviceBuffer final_norm_;
  Matrix embedding_;
  Projection head_;
  bool tied_ = false;
  bool finished_ = false;

  DeviceBuffer cache_;  // [layer][keys, values][kv_head][context][dim]
  DeviceBuffer cos_, sin_;
  int64_t batch_ = 0, logit_rows_ = 0, last_tokens_ = 0;
  DeviceBuffer hidden_, qkv_, act_, x_, wide_, gate_, up_, logits_, ids_, losses_, partial_, arrivals_, seen_, state_;
  PinnedBuffer host_, chosen_;

  GraphExec step_;
  int64_t launched_ = 0, taken_ = 0, wanted_ = 0;
  bool decoding_ = false;
};

}  // namespace hqq::cuda
