#include "cuda/weight_staging.h"

#include <algorithm>

#include "cuda/uploader.h"

namespace hqq::cuda {
namespace {

constexpr int64_t kHalfBytes = int64_t{32} << 20;

}  // namespace

WeightStaging::WeightStaging(cudaStream_t stream, MemoryAccount& account) : stream_(stream), account_(account) {
  for (int i = 0; i < 2; ++i) {
    halves_[i] = PinnedBuffer(kHalfBytes);
    sent_[i] = Event::create();
  }
}

void WeightStaging::copy(const void* from, int64_t bytes, void* to) {
  for (int64_t at = 0; at < bytes; at += kHalfBytes) {
    const int64_t part = std::min(kHalfBytes, bytes - at);
    std::byte* half = halves_[next_].data();
    sent_[next_].synchronize();
    copy_in_parallel(half, static_cast<const std::byte*>(from) + at, part);
    HQQ_CUDA_CHECK(cudaMemcpyAsync(static_cast<std::byte*>(to) + at, half, static_cast<size_t>(part),
                                   cudaMemcpyHostToDevice, stream_));
    sent_[next_].record(stream_);
    next_ ^= 1;
  }
}

const std::byte* WeightStaging::stage(const void* from, int64_t bytes, int slot) {
  DeviceBuffer& buffer = staged_[slot];
  if (buffer.bytes() < bytes) {
    // Freeing memory waits for the device, so nothing that still reads it is disturbed.
    buffer = DeviceBuffer();
    buffer = DeviceBuffer(bytes, MemoryUse::scratch, account_);
  }
  copy(from, bytes, buffer.data());
  return buffer.data();
}

}  // namespace hqq::cuda
