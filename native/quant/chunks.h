// How the quantizers cut a matrix for threads and caches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include "core/job.h"
#include "core/thread_pool.h"

namespace hqq {

// Elements of one parallel chunk: small enough for an even load, large enough that scratch is set up rarely.
constexpr int64_t kChunkElements = 1 << 15;
// Elements copied to float32 at a time, sized for the level-1 cache.
constexpr int64_t kTileElements = 1 << 12;
// Chunks between two looks at the reporter: some 8 M elements, about 0.1 s.
constexpr int64_t kChunksPerSlab = 256;

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// parallel_for in slabs, so that a cancelled job on a huge matrix answers soon.
inline void run_chunks(int64_t n, int64_t grain, const Reporter& reporter, const std::function<void(int64_t, int64_t)>& body) {
  const int64_t slab = grain * kChunksPerSlab;
  for (int64_t begin = 0; begin < n; begin += slab) {
    check_cancelled(reporter);
    parallel_for(std::min(slab, n - begin), grain, [&](int64_t b, int64_t e) { body(begin + b, begin + e); });
  }
}

}  // namespace hqq
