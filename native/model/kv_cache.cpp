#include "model/kv_cache.h"

namespace hqq {
namespace {
constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
}  // namespace

KvCache::KvCache(int64_t layers, int64_t kv_heads, int64_t head_dim, int64_t capacity)
    : kv_heads_(kv_heads),
      head_dim_(head_dim),
      dim_(round_up(head_dim, 16)),
      capacity_(capacity),
      rows_(round_up(capacity, 64)) {
  const int64_t bytes = layers * kv_heads * rows_ * dim_ * 4;
  keys_ = Buffer(bytes, MemoryUse::kv_cache);
  values_ = Buffer(bytes, MemoryUse::kv_cache);
}

void KvCache::store(int64_t layer, int64_t head, int64_t position, const float* k, const float* v) {
  float* key = keys_.as<float>() + plane(layer, head) + position / 16 * dim_ * 16 + position % 16;
  float* value = values_.as<float>() + plane(layer, head) + position * dim_;
  for (int64_t d = 0; d < head_dim_; ++d) {
    key[d * 16] = k[d];
    value[d] = v[d];
  }
}

}  // namespace hqq
