// Keys and values of every layer for one sequence. Keys are stored 16 positions wide, so that scores of 16 positions
// are one run of multiply-adds; heads are padded to multiples of 16 values, so that no kernel has a tail.
#pragma once

#include <cstdint>

#include "core/arena.h"

namespace hqq {

class KvCache {
 public:
  /// Float32 for `capacity` tokens. Anonymous memory: pages are taken only as positions are written.
  KvCache(int64_t layers, int64_t kv_heads, int64_t head_dim, int64_t capacity);

  int64_t capacity() const { return capacity_; }
  int64_t dim() const { return dim_; }  // head_dim padded to a multiple of 16
  int64_t bytes() const { return keys_.bytes() + values_.bytes(); }

  /// [position / 16][dim][16]
  const float* keys(int64_t layer, int64_t head) const { return keys_.as<float>() + plane(layer, head); }
  /// [position][dim]
  const float* values(int64_t layer, int64_t head) const { return values_.as<float>() + plane(layer, head); }
  /// Writes one position; k and v hold head_dim values.
  void store(int64_t layer, int64_t head, int64_t position, const float* k, const float* v);

 private:
  int64_t plane(int64_t layer, int64_t head) const { return (layer * kv_heads_ + head) * rows_ * dim_; }
  int64_t kv_heads_, head_dim_, dim_, capacity_;
  int64_t rows_;  // capacity padded to whole attention blocks of 64
  Buffer keys_, values_;
};

}  // namespace hqq
