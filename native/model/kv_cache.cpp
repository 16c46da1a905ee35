#include "model/kv_cache.h"

#include <algorithm>

namespace hqq {
namespace {

constexpr int64_t kAttentionBlock = 64;  // of the attention kernel, which must not meet the end of a ring inside one

constexpr int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

}  // namespace

KvCache::KvCache(std::vector<int64_t> windows, int64_t kv_heads, int64_t head_dim, int64_t capacity, int64_t max_batch)
    : windows_(std::move(windows)),
      kv_heads_(kv_heads),
      head_dim_(head_dim),
      dim_(round_up(head_dim, 16)),
      capacity_(capacity) {
  int64_t total = 0;
  for (const int64_t window : windows_) {
    // The first query of a batch still sees its window after the last one has been stored.
    const int64_t seen = window > 0 ? std::min(capacity, window + max_batch) : capacity;
    first_slot_.push_back(total);
    slots_.push_back(round_up(seen, kAttentionBlock));
    total += slots_.back();
  }
  const int64_t bytes = total * kv_heads * dim_ * 4;
  keys_ = Buffer(bytes, MemoryUse::kv_cache);
  values_ = Buffer(bytes, MemoryUse::kv_cache);
}

void KvCache::begin(int64_t start, int64_t count) { end_ = std::max(start == 0 ? 0 : end_, start + count); }

void KvCache::store(int64_t layer, int64_t head, int64_t position, const float* k, const float* v) {
  const int64_t slot = position % slots(layer);
  float* key = keys_.as<float>() + plane(layer, head) + slot / 16 * dim_ * 16 + slot % 16;
  float* value = values_.as<float>() + plane(layer, head) + slot * dim_;
  for (int64_t d = 0; d < head_dim_; ++d) {
    key[d * 16] = k[d];
    value[d] = v[d];
  }
}

bool KvCache::holds_window_of(int64_t position) const {
  for (size_t layer = 0; layer < windows_.size(); ++layer) {
    const int64_t first = windows_[layer] > 0 ? std::max<int64_t>(0, position - windows_[layer] + 1) : 0;
    // The slot of `first` was reused once first + slots was stored.
    if (first + slots_[layer] < end_) return false;
  }
  return true;
}

}  // namespace hqq
