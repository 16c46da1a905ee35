// A linear layer ready to run: unquantized rows (in place in the mapped file, or owned), or tiled quantized weights.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/job.h"
#include "cpu/kernels.h"
#include "cpu/tiled.h"

namespace hqq {

/// Activations per forward call; longer prompts go in several.
constexpr int64_t kMaxBatchTokens = 256;

class Linear {
 public:
  /// `weight` [out, in] f32/f16/bf16; `keep` owns its memory; `bias` empty or f32[out].
  static Linear dense(const TensorView& weight, std::shared_ptr<const void> keep, Buffer bias);
  /// Repacks for the kernels. A grouping that has no packed kernel (cpu/tiled.h) is dequantized to the compute dtype: 2
  /// or 4 bytes a weight.
  static Linear quantized(const QuantizedTensor& tensor, DType compute_dtype, Buffer bias);

  /// Module the layer was loaded from; empty where nobody said.
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  const TiledWeights* tiled() const { return tiled_ ? &*tiled_ : nullptr; }
  const DenseRows& rows() const { return rows_; }
  const float* bias() const { return bias_.bytes() > 0 ? bias_.as<float>() : nullptr; }
  /// Bytes that one decoded token reads.
  int64_t weight_bytes() const;
  int64_t metadata_bytes() const { return tiled_ ? tiled_->meta.bytes() : 0; }
  /// Blocks of 16 rows, the unit of parallel work.
  int64_t blocks() const { return tiled_ ? tiled_->blocks : (out_ + kBlockRows - 1) / kBlockRows; }
  /// Row `r` as float32 (embedding look-up).
  void read_row(int64_t r, float* out) const;

 private:
  std::string name_;
  int64_t out_ = 0, in_ = 0;
  DenseRows rows_;
  std::shared_ptr<const void> keep_;
  std::optional<TiledWeights> tiled_;
  Buffer bias_;
};

struct LinearCall {
  const Linear* layer;
  float* y;            // [tokens][stride], of which `out` are written
  int64_t stride = 0;  // 0: out

  float* row(int64_t t) const { return y + t * (stride > 0 ? stride : layer->out()); }
};

/// Scratch for activations of up to kMaxBatchTokens rows in 8 bits, and in bfloat16 where the CPU has AMX.
class ActivationScratch {
 public:
  explicit ActivationScratch(int64_t max_in);
  QuantizedRows rows(int64_t in) const;
  Bf16Rows bf16_rows(int64_t in) const;
  int64_t bytes() const { return q_.bytes() + scale_.bytes() + prefix_.bytes() + bf16_.bytes(); }

 private:
  Buffer q_, scale_, prefix_, bf16_;
};

/// y = x W'^T + bias for every call, all sharing x [tokens][in], as one parallel region. tokens <= kMaxBatchTokens.
/// With `eight_bit`, quantized layers use activations rounded to 8 bits (axis 0 in a batch: float32; AMX in a batch:
/// bfloat16). Throws EngineError{cancelled} between blocks.
void run_linear(std::span<const LinearCall> calls, const float* x, int64_t tokens, bool eight_bit,
                const ActivationScratch& scratch, const Reporter& reporter);

}  // namespace hqq
