#include "model/transformer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/thread_pool.h"

namespace hqq {
namespace {

int64_t widest_input(const ModelConfig& c) {
  return std::max({c.hidden_size, c.intermediate_size, c.num_heads * c.head_dim});
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, const ModelWeights& weights, int64_t context_length)
    : config_(config),
      weights_(weights),
      cache_(config.num_layers, config.num_kv_heads, config.head_dim, context_length),
      activations_(widest_input(config)),
      hidden_(scratch(config.hidden_size)),
      normed_(scratch(config.hidden_size)),
      q_(scratch(config.num_heads * config.head_dim)),
      k_(scratch(config.num_kv_heads * config.head_dim)),
      v_(scratch(config.num_kv_heads * config.head_dim)),
      mixed_(scratch(config.num_heads * config.head_dim)),
      gate_(scratch(config.intermediate_size)),
      up_(scratch(config.intermediate_size)),
      delta_(scratch(config.hidden_size)) {
  scratch_bytes_ += activations_.bytes();
}

Buffer Transformer::scratch(int64_t cols) {
  scratch_bytes_ += kMaxBatchTokens * cols * 4;
  return Buffer(kMaxBatchTokens * cols * 4, MemoryUse::scratch);
}

void Transformer::norm_rows(const float* x, const Buffer& weight, int64_t tokens, float* y) const {
  const int64_t n = config_.hidden_size;
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  parallel_for(tokens, 8, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) kernels().rms_norm(x + t * n, weight.as<float>(), eps, n, y + t * n);
  });
}

void Transformer::forward(std::span<const int32_t> ids, int64_t start, const ForwardOptions& options,
                          const Reporter& reporter) {
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t hidden = config_.hidden_size, mlp = config_.intermediate_size;
  require(tokens >= 1 && tokens <= kMaxBatchTokens && start + tokens <= capacity(), ErrorCode::internal,
          "forward: bad batch");
  fill_rope_table(rope_frequencies(config_.rope, options.rope_length), start, tokens, rope_);
  for (int64_t t = 0; t < tokens; ++t)
    weights_.embedding.read_row(ids[static_cast<size_t>(t)], hidden_.as<float>() + t * hidden);

  const auto linear = [&](std::initializer_list<LinearCall> calls, const Buffer& x) {
    run_linear({calls.begin(), calls.size()}, x.as<float>(), tokens, options.eight_bit, activations_, reporter);
  };
  const auto add_to_hidden = [&] {
    parallel_for(tokens * hidden, 4096, [&](int64_t begin, int64_t end) {
      kernels().add(hidden_.as<float>() + begin, delta_.as<float>() + begin, end - begin);
    });
  };
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    check_cancelled(reporter);
    const BlockWeights& b = weights_.blocks[static_cast<size_t>(i)];
    norm_rows(hidden_.as<float>(), b.input_norm, tokens, normed_.as<float>());
    linear({{&b.q, q_.as<float>()}, {&b.k, k_.as<float>()}, {&b.v, v_.as<float>()}}, normed_);
    attend(i, start, tokens);
    linear({{&b.o, delta_.as<float>()}}, mixed_);
    add_to_hidden();
    norm_rows(hidden_.as<float>(), b.post_attention_norm, tokens, normed_.as<float>());
    linear({{&b.gate, gate_.as<float>()}, {&b.up, up_.as<float>()}}, normed_);
    parallel_for(tokens * mlp, 2048, [&](int64_t begin, int64_t end) {
      kernels().swiglu(gate_.as<float>() + begin, up_.as<float>() + begin, end - begin, gate_.as<float>() + begin);
    });
    linear({{&b.down, delta_.as<float>()}}, gate_);
    add_to_hidden();
  }
}

void Transformer::logits(int64_t first, int64_t count, bool eight_bit, float* out, const Reporter& reporter) {
  norm_rows(hidden_.as<float>() + first * config_.hidden_size, weights_.final_norm, count, normed_.as<float>());
  const LinearCall call{&weights_.head, out};
  run_linear({&call, 1}, normed_.as<float>(), count, eight_bit, activations_, reporter);
}

void Transformer::attend(int64_t layer, int64_t start, int64_t tokens) {
  const int64_t group = config_.num_heads / config_.num_kv_heads, heads = config_.num_kv_heads;
  const int64_t rows = tokens * group, tiles = (rows + kMaxAttentionRows - 1) / kMaxAttentionRows;
  const auto tile = [&](int64_t head, int64_t index) {
    const int64_t first = index * kMaxAttentionRows;
    attend_rows(layer, head, start, first, std::min(kMaxAttentionRows, rows - first));
  };
  if (tokens == 1) {
    // One region per layer: a head's key is needed by its own queries only.
    parallel_for(heads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t head = begin; head < end; ++head) {
        store_keys(layer, head, start, 0);
        for (int64_t i = 0; i < tiles; ++i) tile(head, i);
      }
    });
    return;
  }
  parallel_for(tokens * heads, 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) store_keys(layer, i % heads, start, i / heads);
  });
  // Late tiles see the most keys: they go first, so that no thread is left with one at the end.
  parallel_for(tiles * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) tile(i % heads, tiles - 1 - i / heads);
  });
}

void Transformer::store_keys(int64_t layer, int64_t kv_head, int64_t start, int64_t token) {
  const int64_t dim = config_.head_dim;
  float* k = k_.as<float>() + (token * config_.num_kv_heads + kv_head) * dim;
  rotate_head(k, rope_.cos_row(token), rope_.sin_row(token), rope_.half);
  cache_.store(layer, kv_head, start + token, k, v_.as<float>() + (token * config_.num_kv_heads + kv_head) * dim);
}

void Transformer::attend_rows(int64_t layer, int64_t kv_head, int64_t start, int64_t first_row, int64_t rows) {
  const int64_t dim = config_.head_dim, padded = cache_.dim(), group = config_.num_heads / config_.num_kv_heads;
  thread_local std::vector<float> q, out;
  q.assign(static_cast<size_t>(rows * padded), 0.0f);
  out.resize(static_cast<size_t>(rows * padded));
  int64_t visible[kMaxAttentionRows];
  const auto head_of = [&](int64_t r) {  // rows run over (token, query head of this group)
    return ((first_row + r) / group * config_.num_heads + kv_head * group + (first_row + r) % group) * dim;
  };
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t token = (first_row + r) / group;
    float* head = q.data() + r * padded;
    std::memcpy(head, q_.as<float>() + head_of(r), static_cast<size_t>(dim) * 4);
    rotate_head(head, rope_.cos_row(token), rope_.sin_row(token), rope_.half);
    visible[r] = start + token + 1;
  }
  const AttentionTile tile{.q = q.data(),
                           .rows = rows,
                           .visible = visible,
                           .keys = cache_.keys(layer, kv_head),
                           .values = cache_.values(layer, kv_head),
                           .dim = padded,
                           .scale = 1.0f / std::sqrt(static_cast<float>(dim)),
                           .out = out.data()};
  kernels().attention(tile);
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(mixed_.as<float>() + head_of(r), out.data() + r * padded, static_cast<size_t>(dim) * 4);
}

}  // namespace hqq
