// The forward pass on the CPU: a batch of ids at consecutive positions through every block, with the KV cache; or, in
// towers that read pictures and texts, a whole sequence at once. Shapes and switches come from the config and the
// weights; which instructions run is decided below, in cpu/. Attention is in attention.cpp, experts are in experts.cpp.
#pragma once

#include <span>

#include "model/executor.h"
#include "model/kv_cache.h"
#include "model/rope.h"
#include "model/router.h"
#include "model/weights.h"

namespace hqq {

class Transformer {
 public:
  /// `max_batch`: most tokens of one call of forward() or encode().
  Transformer(const ModelConfig& config, const ModelWeights& weights, int64_t context_length,
              int64_t max_batch = kMaxBatchTokens);

  /// Runs 1 .. max_batch ids at positions [start, start + n), whose predecessors are in the cache, and appends
  /// theirs. Leaves the final hidden states for logits(). Throws EngineError{cancelled} between layers and tiles.
  void forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options, const Reporter& reporter);

  /// Runs the first `layers` blocks over a sequence of 1 .. max_batch rows [tokens][hidden] of its own. Throws as
  /// forward().
  void encode(const float* rows, int64_t tokens, int64_t layers, const ForwardOptions& options,
              const Reporter& reporter);
  /// Hidden states [tokens][hidden] of the last call, before the final norm.
  const float* hidden() const { return hidden_.as<float>(); }
  /// The final norm of `rows` rows [rows][hidden].
  void final_norm(const float* x, int64_t rows, float* y) const { norm_rows(weights_.final_norm, x, rows, y); }

  /// forward() of one sequence from its start, of which blocks before `first` have run: `hidden` f32[tokens][hidden_size] is the input of
  /// block `first`, as an observer saw it.
  void resume(int64_t first, const float* hidden, int64_t tokens, const ForwardOptions& options, const Reporter& reporter);

  /// Float32 logits [count][vocab] of tokens [first, first + count) of the last forward call.
  void logits(int64_t first, int64_t count, bool eight_bit, float* out, const Reporter& reporter);

  bool can_resume_at(int64_t position) const { return cache_.holds_window_of(position); }
  int64_t capacity() const { return cache_.capacity(); }
  int64_t kv_cache_bytes() const { return cache_.bytes(); }
  int64_t scratch_bytes() const { return scratch_bytes_; }

 private:
  /// What the steps of one forward call share.
  struct Batch {
    int64_t start, tokens;
    bool eight_bit;
    InputObserver* observer;
    const Reporter& reporter;
  };

  void prepare(const Batch& batch, int64_t rope_length);
  /// Blocks [first, end).
  void run_blocks(int64_t first, int64_t end, const Batch& batch);
  void block(int64_t layer, const Batch& batch);
  void run(std::initializer_list<LinearCall> calls, const float* x, int64_t tokens, const Batch& batch);
  void run_qkv(const BlockWeights& b, const float* x, const Batch& batch);
  /// y [tokens][hidden] = the MLP of x [tokens][hidden].
  void run_mlp(const Mlp& mlp, const float* x, int64_t tokens, float* y, const Batch& batch);
  /// acts_ [tokens][size] from mlp_in_ [tokens][gate, up].
  void activate(int64_t tokens, int64_t size);
  void add_to_hidden(int64_t tokens);
  void norm_rows(const Norm& norm, const float* x, int64_t tokens, float* y) const;
  /// `rows` runs of `size` values, `stride` apart, in place.
  void norm_runs(const Norm& norm, float* x, int64_t rows, int64_t size, int64_t stride) const;

  void normalize_qk(const BlockWeights& b, int64_t tokens);
  void attend(int64_t layer, const Batch& batch);
  void store_keys(int64_t layer, int64_t kv_head, int64_t start, int64_t token);
  void attend_rows(int64_t layer, int64_t kv_head, const Batch& batch, int64_t first_row, int64_t rows);
  /// Where a layer's keys are in the cache. Layers that see a whole sequence at once share one place.
  int64_t cache_layer(int64_t layer) const { return config_.causal ? layer : 0; }
  /// The rotation of a layer; null where it has none.
  const RopeTable* rope_of(int64_t layer) const;

  void run_experts(const BlockWeights& b, const float* x, const Batch& batch);
  void run_chosen(const BlockWeights& b, const float* x, const std::vector<Route>& routes, const Batch& batch);
  void run_grouped(const BlockWeights& b, const float* x, const std::vector<std::vector<Route>>& routes,
                   const Batch& batch);
  void add_shared_expert(const BlockWeights& b, const float* x, const Batch& batch);

  Buffer scratch(int64_t cols);

  const ModelConfig& config_;
  const ModelWeights& weights_;
  int64_t max_batch_;
  int64_t qkv_size_;  // of a row of qkv_: q, k, v
  KvCache cache_;
  RopeTable rope_, local_rope_;
  int64_t scratch_bytes_ = 0;
  ActivationScratch activations_;
  Buffer hidden_, normed_, delta_;
  Buffer qkv_, mixed_;
  Buffer mlp_in_, acts_;
  Buffer scores_, gathered_, expert_out_;  // models with experts only
};

}  // namespace hqq
