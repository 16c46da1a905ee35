// Keys and values of every layer for one sequence. Keys are stored 16 positions wide, so that scores of 16 positions
// are one run of multiply-adds; heads are padded to multiples of 16 values, so that no kernel has a tail. A layer with
// a sliding window keeps a ring of the positions that can still be seen: position p is in slot p % slots(layer).
#pragma once

#include <cstdint>
#include <vector>

#include "core/arena.h"

namespace hqq {

class KvCache {
 public:
  /// Float32 for `capacity` tokens, stored at most `max_batch` at a time. `windows`: per layer, the keys that a query
  /// sees, its own included; 0: all. Anonymous memory: pages are taken only as positions are written.
  KvCache(std::vector<int64_t> windows, int64_t kv_heads, int64_t head_dim, int64_t capacity, int64_t max_batch);

  int64_t capacity() const { return capacity_; }
  int64_t dim() const { return dim_; }  // head_dim padded to a multiple of 16
  int64_t bytes() const { return keys_.bytes() + values_.bytes(); }
  int64_t window(int64_t layer) const { return windows_[static_cast<size_t>(layer)]; }
  int64_t slots(int64_t layer) const { return slots_[static_cast<size_t>(layer)]; }

  /// [slot / 16][dim][16]
  const float* keys(int64_t layer, int64_t head) const { return keys_.as<float>() + plane(layer, head); }
  /// [slot][dim]
  const float* values(int64_t layer, int64_t head) const { return values_.as<float>() + plane(layer, head); }

  /// Announces that positions [start, start + count) will be stored in every layer.
  void begin(int64_t start, int64_t count);
  /// Writes one position; k and v hold head_dim values.
  void store(int64_t layer, int64_t head, int64_t position, const float* k, const float* v);
  /// Whether all earlier positions that a query at `position` sees are still in their slots.
  bool holds_window_of(int64_t position) const;

 private:
  int64_t plane(int64_t layer, int64_t head) const {
    return (first_slot_[static_cast<size_t>(layer)] * kv_heads_ + head * slots(layer)) * dim_;
  }
  std::vector<int64_t> windows_, slots_;
  std::vector<int64_t> first_slot_;  // slots of all layers before
  int64_t kv_heads_, head_dim_, dim_, capacity_;
  int64_t end_ = 0;  // one above the highest position stored since position 0 was
  Buffer keys_, values_;
};

}  // namespace hqq
