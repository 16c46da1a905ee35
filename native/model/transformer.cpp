#include "model/transformer.h"

#include <algorithm>

#include "core/thread_pool.h"

namespace hqq {
namespace {

/// Values that one piece of element-wise work covers.
constexpr int64_t kPiece = 2048;

int64_t widest_mlp(const ModelConfig& c) {
  return std::max({c.intermediate_size, c.moe.intermediate_size, c.moe.shared_intermediate_size});
}

int64_t widest_input(const ModelConfig& c) { return std::max({c.hidden_size, widest_mlp(c), c.q_size()}); }

std::vector<int64_t> windows_of(const ModelConfig& c) {
  if (!c.causal) return {0};
  std::vector<int64_t> windows;
  for (const LayerConfig& layer : c.layers) windows.push_back(layer.window);
  return windows;
}

bool rotates(const ModelConfig& c, RopeUse use) {
  return std::any_of(c.layers.begin(), c.layers.end(), [&](const LayerConfig& layer) { return layer.rope == use; });
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, const ModelWeights& weights, int64_t context_length,
                         int64_t max_batch)
    : config_(config),
      weights_(weights),
      max_batch_(max_batch),
      qkv_size_(config.q_size() + 2 * config.kv_size()),
      cache_(windows_of(config), config.num_kv_heads, config.head_dim, context_length, max_batch),
      activations_(widest_input(config)),
      hidden_(scratch(config.hidden_size)),
      normed_(scratch(config.hidden_size)),
      delta_(scratch(config.hidden_size)),
      qkv_(scratch(qkv_size_)),
      mixed_(scratch(config.q_size())),
      mlp_in_(scratch(widest_mlp(config) * (config.gated_mlp ? 2 : 1))),
      acts_(scratch(widest_mlp(config))) {
  scratch_bytes_ += activations_.bytes();
  if (config.moe.num_experts == 0) return;
  scores_ = scratch(config.moe.num_experts);
  gathered_ = scratch(config.hidden_size);
  expert_out_ = scratch(config.hidden_size);
}

Buffer Transformer::scratch(int64_t cols) {
  scratch_bytes_ += max_batch_ * cols * 4;
  return Buffer(max_batch_ * cols * 4, MemoryUse::scratch);
}

void Transformer::norm_rows(const Norm& norm, const float* x, int64_t tokens, float* y) const {
  const int64_t n = config_.hidden_size;
  const auto eps = static_cast<float>(config_.norm_eps);
  const float *weight = norm.weight.as<float>(), *bias = norm.bias.as<float>();
  parallel_for(tokens, 8, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      if (config_.norm == NormKind::rms) kernels().rms_norm(x + t * n, weight, eps, n, y + t * n);
      else kernels().layer_norm(x + t * n, weight, bias, eps, n, y + t * n);
    }
  });
}

void Transformer::norm_runs(const Norm& norm, float* x, int64_t rows, int64_t size, int64_t stride) const {
  const auto eps = static_cast<float>(config_.norm_eps);
  const float *weight = norm.weight.as<float>(), *bias = norm.bias.as<float>();
  for (int64_t r = 0; r < rows; ++r) {
    float* run = x + r * stride;
    if (config_.norm == NormKind::rms) kernels().rms_norm(run, weight, eps, size, run);
    else kernels().layer_norm(run, weight, bias, eps, size, run);
  }
}

void Transformer::run(std::initializer_list<LinearCall> calls, const float* x, int64_t tokens, const Batch& batch) {
  if (batch.observer != nullptr) {
    std::vector<std::string_view> modules;
    for (const LinearCall& call : calls) modules.push_back(call.layer->name());
    batch.observer->observe(modules, x, tokens, calls.begin()->layer->in());
  }
  const std::span<const LinearCall> all(calls.begin(), calls.size());
  if (tokens <= kMaxBatchTokens) return run_linear(all, x, tokens, batch.eight_bit, activations_, batch.reporter);
  const int64_t in = all.front().layer->in();
  for (int64_t first = 0; first < tokens; first += kMaxBatchTokens) {
    std::vector<LinearCall> part(calls);
    for (LinearCall& call : part) call.y = call.row(first);
    run_linear(part, x + first * in, std::min(kMaxBatchTokens, tokens - first), batch.eight_bit, activations_,
               batch.reporter);
  }
}

void Transformer::prepare(const Batch& batch, int64_t rope_length) {
  const auto fill = [&](const RopeConfig& rope, RopeTable& table) {
    fill_rope_table(rope_frequencies(rope, rope_length), rope.attention_factor, batch.start, batch.tokens, table);
  };
  if (rotates(config_, RopeUse::main)) fill(config_.rope, rope_);
  if (rotates(config_, RopeUse::local)) fill(config_.local_rope, local_rope_);
  cache_.begin(batch.start, batch.tokens);
}

void Transformer::run_blocks(int64_t first, int64_t end, const Batch& batch) {
  for (int64_t i = first; i < end; ++i) {
    check_cancelled(batch.reporter);
    if (batch.observer != nullptr) batch.observer->enter_block(i, hidden_.as<float>(), batch.tokens);
    block(i, batch);
  }
}

void Transformer::forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options,
                          const Reporter& reporter) {
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t hidden = config_.hidden_size;
  require(tokens >= 1 && tokens <= max_batch_ && start + tokens <= capacity(), ErrorCode::internal,
          "forward: bad batch");
  const Batch batch{start, tokens, options.eight_bit, options.observer, reporter};
  prepare(batch, options.rope_length);
  const auto scale = static_cast<float>(config_.embedding_scale);
  parallel_for(tokens, 4, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* row = hidden_.as<float>() + t * hidden;
      const int32_t id = ids[static_cast<size_t>(t)];
      if (id >= 0) weights_.embedding.read_row(id, row);
      else std::copy_n(options.pictures + picture_row(id) * hidden, hidden, row);
      if (scale != 1.0f && (id >= 0 || config_.scales_pictures))
        for (int64_t i = 0; i < hidden; ++i) row[i] *= scale;
    }
  });
  run_blocks(0, config_.num_layers, batch);
}

void Transformer::encode(const float* rows, int64_t tokens, int64_t layers, const ForwardOptions& options,
                         const Reporter& reporter) {
  require(tokens >= 1 && tokens <= max_batch_ && tokens <= capacity(), ErrorCode::internal, "encode: bad batch");
  std::copy_n(rows, tokens * config_.hidden_size, hidden_.as<float>());
  cache_.begin(0, tokens);
  run_blocks(0, layers, {0, tokens, options.eight_bit, options.observer, reporter});
}

void Transformer::resume(int64_t first, const float* hidden, int64_t tokens, const ForwardOptions& options,
                         const Reporter& reporter) {
  require(tokens >= 1 && tokens <= max_batch_ && tokens <= capacity(), ErrorCode::internal, "resume: bad batch");
  const Batch batch{0, tokens, options.eight_bit, options.observer, reporter};
  prepare(batch, options.rope_length);
  std::copy_n(hidden, tokens * config_.hidden_size, hidden_.as<float>());
  run_blocks(first, config_.num_layers, batch);
}

void Transformer::block(int64_t layer, const Batch& batch) {
  const BlockWeights& b = weights_.blocks[static_cast<size_t>(layer)];
  const int64_t tokens = batch.tokens;
  float *hidden = hidden_.as<float>(), *normed = normed_.as<float>(), *delta = delta_.as<float>();
  const auto normalized = [&](const Norm& norm) {
    if (!norm.exists()) return hidden;
    norm_rows(norm, hidden, tokens, normed);
    return normed;
  };
  const float* x = normalized(b.input_norm);
  run_qkv(b, x, batch);
  normalize_qk(b, tokens);
  attend(layer, batch);
  run({{&b.o, delta}}, mixed_.as<float>(), tokens, batch);
  if (b.attention_out_norm.exists()) norm_rows(b.attention_out_norm, delta, tokens, delta);
  add_to_hidden(tokens);

  if (!config_.parallel) x = normalized(b.mlp_norm);
  if (b.experts.empty()) run_mlp(b.mlp, x, tokens, delta, batch);
  else run_experts(b, x, batch);
  if (b.mlp_out_norm.exists()) norm_rows(b.mlp_out_norm, delta, tokens, delta);
  add_to_hidden(tokens);
}

void Transformer::add_to_hidden(int64_t tokens) {
  parallel_for(tokens * config_.hidden_size, 4096, [&](int64_t begin, int64_t end) {
    kernels().add(hidden_.as<float>() + begin, delta_.as<float>() + begin, end - begin);
  });
}

void Transformer::run_qkv(const BlockWeights& b, const float* x, const Batch& batch) {
  float* q = qkv_.as<float>();
  if (b.qkv.size() == 1) return run({{&b.qkv[0], q}}, x, batch.tokens, batch);
  float *k = q + config_.q_size(), *v = k + config_.kv_size();
  run({{&b.qkv[0], q, qkv_size_}, {&b.qkv[1], k, qkv_size_}, {&b.qkv[2], v, qkv_size_}}, x, batch.tokens, batch);
}

void Transformer::run_mlp(const Mlp& mlp, const float* x, int64_t tokens, float* y, const Batch& batch) {
  const int64_t size = mlp.down.in();
  float* in = mlp_in_.as<float>();
  if (mlp.in.size() == 1) run({{&mlp.in[0], in}}, x, tokens, batch);
  else run({{&mlp.in[0], in, 2 * size}, {&mlp.in[1], in + size, 2 * size}}, x, tokens, batch);
  activate(tokens, size);
  run({{&mlp.down, y}}, acts_.as<float>(), tokens, batch);
}

void Transformer::activate(int64_t tokens, int64_t size) {
  const int64_t pieces = (size + kPiece - 1) / kPiece, stride = config_.gated_mlp ? 2 * size : size;
  parallel_for(tokens * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * kPiece, n = std::min(kPiece, size - first);
      const float* gate = mlp_in_.as<float>() + i / pieces * stride + first;
      kernels().activate(config_.activation, gate, config_.gated_mlp ? gate + size : nullptr, n,
                         acts_.as<float>() + i / pieces * size + first);
    }
  });
}

void Transformer::logits(int64_t first, int64_t count, bool eight_bit, float* out, const Reporter& reporter) {
  norm_rows(weights_.final_norm, hidden_.as<float>() + first * config_.hidden_size, count, normed_.as<float>());
  const LinearCall call{&weights_.head(), out};
  run_linear({&call, 1}, normed_.as<float>(), count, eight_bit, activations_, reporter);
  if (config_.logit_softcap > 0)
    parallel_for(count * config_.vocab_size, 4 * kPiece, [&](int64_t begin, int64_t end) {
      kernels().softcap(out + begin, static_cast<float>(config_.logit_softcap), end - begin);
    });
}

}  // namespace hqq
