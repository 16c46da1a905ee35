#include "quant/zero_history.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"

namespace hqq {

ZeroHistory::ZeroHistory(int64_t groups, int64_t chunk_groups, int steps)
    : groups_(groups),
      chunk_groups_(chunk_groups),
      values_(groups * (steps + 1) * 4, MemoryUse::scratch),
      settled_(groups, MemoryUse::scratch),
      starts_((groups + chunk_groups - 1) / chunk_groups * 8, MemoryUse::scratch) {}

int64_t ZeroHistory::count(int64_t chunk) const { return std::min(chunk_groups_, groups_ - chunk * chunk_groups_); }

void ZeroHistory::add(int64_t chunk, const float* planes, int64_t stride, const uint8_t* settled) {
  const int64_t n = count(chunk);
  int64_t values = n;
  for (int64_t i = 0; i < n; ++i) values += settled[i];
  // Chunks finish in any order, so where one lies differs from run to run; what is read back does not.
  const int64_t start = used_.fetch_add(values, std::memory_order_relaxed);
  starts_.as<int64_t>()[chunk] = start;
  std::memcpy(settled_.as<uint8_t>() + chunk * chunk_groups_, settled, static_cast<size_t>(n));
  float* out = values_.as<float>() + start;
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k <= settled[i]; ++k) *out++ = planes[k * stride + i];
  }
}

void ZeroHistory::read(int step, float* out) const {
  const int64_t chunks = starts_.bytes() / 8;
  parallel_for(chunks, 16, [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const float* in = values_.as<float>() + starts_.as<int64_t>()[chunk];
      const int64_t first = chunk * chunk_groups_;
      for (int64_t i = first; i < first + count(chunk); ++i) {
        const int last = settled_.as<uint8_t>()[i];
        out[i] = in[std::min(step, last)];
        in += last + 1;
      }
    }
  });
}

}  // namespace hqq
