// The forward pass: a batch of ids at consecutive positions through every block, with the KV cache. Shapes and names
// come from the config and the weights; which instructions run is decided below, in cpu/.
#pragma once

#include <span>

#include "model/executor.h"
#include "model/kv_cache.h"
#include "model/rope.h"
#include "model/weights.h"

namespace hqq {

class Transformer {
 public:
  Transformer(const ModelConfig& config, const ModelWeights& weights, int64_t context_length);

  /// Runs 1 .. kMaxBatchTokens ids at positions [start, start + n), whose predecessors are in the cache, and appends
  /// theirs. Leaves the final hidden states for logits(). Throws EngineError{cancelled} between layers and tiles.
  void forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options, const Reporter& reporter);

  /// Float32 logits [count][vocab] of tokens [first, first + count) of the last forward call.
  void logits(int64_t first, int64_t count, bool eight_bit, float* out, const Reporter& reporter);

  int64_t capacity() const { return cache_.capacity(); }
  int64_t kv_cache_bytes() const { return cache_.bytes(); }
  int64_t scratch_bytes() const { return scratch_bytes_; }

 private:
  void attend(int64_t layer, int64_t start, int64_t tokens);
  void store_keys(int64_t layer, int64_t kv_head, int64_t start, int64_t token);
  void attend_rows(int64_t layer, int64_t kv_head, int64_t start, int64_t first_row, int64_t rows);
  void norm_rows(const float* x, const Buffer& weight, int64_t tokens, float* y) const;
  Buffer scratch(int64_t cols);

  const ModelConfig& config_;
  const ModelWeights& weights_;
  KvCache cache_;
  RopeTable rope_;
  int64_t scratch_bytes_ = 0;
  ActivationScratch activations_;
  Buffer hidden_, normed_, q_, k_, v_, mixed_, gate_, up_, delta_;
};

}  // namespace hqq
