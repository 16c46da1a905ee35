// Attention of the CPU transformer: keys and values into the cache, then tiles of queries against what they may see.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/thread_pool.h"
#include "model/transformer.h"

namespace hqq {

const RopeTable* Transformer::rope_of(int64_t layer) const {
  switch (config_.layers[static_cast<size_t>(layer)].rope) {
    case RopeUse::none: return nullptr;
    case RopeUse::main: return &rope_;
    case RopeUse::local: return &local_rope_;
  }
  return nullptr;
}

void Transformer::normalize_qk(const BlockWeights& b, int64_t tokens) {
  if (config_.qk_norm == QkNorm::none) return;
  const bool all = config_.qk_norm == QkNorm::all;
  const int64_t q_size = all ? config_.q_size() : config_.head_dim, k_size = all ? config_.kv_size() : config_.head_dim;
  parallel_for(tokens, 2, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      float* q = qkv_.as<float>() + t * qkv_size_;
      norm_runs(b.q_norm, q, config_.q_size() / q_size, q_size, q_size);
      norm_runs(b.k_norm, q + config_.q_size(), config_.kv_size() / k_size, k_size, k_size);
    }
  });
}

void Transformer::attend(int64_t layer, const Batch& batch) {
  const int64_t start = batch.start, tokens = batch.tokens;
  const int64_t group = config_.num_heads / config_.num_kv_heads, heads = config_.num_kv_heads;
  const int64_t rows = tokens * group, tiles = (rows + kMaxAttentionRows - 1) / kMaxAttentionRows;
  const auto tile = [&](int64_t head, int64_t index) {
    const int64_t first = index * kMaxAttentionRows;
    attend_rows(layer, head, batch, first, std::min(kMaxAttentionRows, rows - first));
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
  float* k = qkv_.as<float>() + token * qkv_size_ + config_.q_size() + kv_head * dim;
  if (const RopeTable* rope = rope_of(layer)) rotate_head(k, rope->cos_row(token), rope->sin_row(token), rope->half);
  cache_.store(cache_layer(layer), kv_head, start + token, k, k + config_.kv_size());
}

void Transformer::attend_rows(int64_t layer, int64_t kv_head, const Batch& batch, int64_t first_row, int64_t rows) {
  const int64_t dim = config_.head_dim, padded = cache_.dim(), group = config_.num_heads / config_.num_kv_heads;
  const int64_t place = cache_layer(layer);
  const RopeTable* rope = rope_of(layer);
  thread_local std::vector<float> q, out;
  q.assign(static_cast<size_t>(rows * padded), 0.0f);
  out.resize(static_cast<size_t>(rows * padded));
  int64_t visible[kMaxAttentionRows];
  // Rows run over (token, query head of this group).
  const auto token_of = [&](int64_t r) { return (first_row + r) / group; };
  const auto head_of = [&](int64_t r) { return (kv_head * group + (first_row + r) % group) * dim; };
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t token = token_of(r);
    float* head = q.data() + r * padded;
    std::memcpy(head, qkv_.as<float>() + token * qkv_size_ + head_of(r), static_cast<size_t>(dim) * 4);
    if (rope) rotate_head(head, rope->cos_row(token), rope->sin_row(token), rope->half);
    visible[r] = batch.start + (config_.causal ? token + 1 : batch.tokens);
  }
  const AttentionTile tile{.q = q.data(),
                           .rows = rows,
                           .visible = visible,
                           .window = cache_.window(place),
                           .keys = cache_.keys(place, kv_head),
                           .values = cache_.values(place, kv_head),
                           .slots = cache_.slots(place),
                           .dim = padded,
                           .scale = static_cast<float>(config_.attention_scale),
                           .softcap = static_cast<float>(config_.attention_softcap),
                           .out = out.data()};
  kernels().attention(tile);
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(mixed_.as<float>() + token_of(r) * config_.q_size() + head_of(r), out.data() + r * padded,
                static_cast<size_t>(dim) * 4);
}

}  // namespace hqq
