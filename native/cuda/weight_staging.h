// Host memory of any kind to the device at the speed of the bus: through two page-locked halves, one being filled while
// the other is on its way.
#pragma once

#include "cuda/handles.h"
#include "cuda/memory.h"

namespace hqq::cuda {

class WeightStaging {
 public:
  /// `account` pays for the device side of staging.
  WeightStaging(cudaStream_t stream, MemoryAccount& account);

  /// Copies `bytes` to `to` in the stream's order. `from` is free again when it returns.
  void copy(const void* from, int64_t bytes, void* to);
  /// The same to a staging buffer on the device that the next stage() call with the same slot (0 .. 2) overwrites, in
  /// the stream's order.
  const std::byte* stage(const void* from, int64_t bytes, int slot);

 private:
  cudaStream_t stream_;
  MemoryAccount& account_;
  PinnedBuffer halves_[2];
  Event sent_[2];
  int next_ = 0;
  DeviceBuffer staged_[3];
};

}  // namespace hqq::cuda
