// The zero points of every group after every solver step. Where the solver stops is a property of the whole matrix and known
// only at the end, so the steps are kept; most groups settle after a few, and only those few are stored.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/arena.h"

namespace hqq {

class ZeroHistory {
 public:
  /// For `groups` groups that are handed in by chunks of `chunk_groups` (the last one may be smaller) and `steps` steps.
  ZeroHistory(int64_t groups, int64_t chunk_groups, int steps);

  /// Stores one chunk; callable from several threads. settled[i] is group i's last plane that differs from the one before;
  /// planes[k * stride + i] its zero after step k, needed for k <= settled[i].
  void add(int64_t chunk, const float* planes, int64_t stride, const uint8_t* settled);

  /// Writes the zeros of all groups after `step` steps; out: [groups].
  void read(int step, float* out) const;

 private:
  int64_t count(int64_t chunk) const;

  int64_t groups_, chunk_groups_;
  Buffer values_;    // f32; large enough for the worst case, but only the front is ever touched
  Buffer settled_;   // u8[groups]
  Buffer starts_;    // i64[chunks]: where a chunk's values begin
  std::atomic<int64_t> used_{0};
};

}  // namespace hqq
