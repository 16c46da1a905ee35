#include "cuda/uploader.h"

#include <algorithm>
#include <cstring>

#include "core/thread_pool.h"

namespace hqq::cuda {
namespace {

constexpr int64_t kCopyGrain = int64_t{1} << 20;

}  // namespace

bool is_page_locked(const void* host) {
  cudaPointerAttributes attributes;
  if (cudaPointerGetAttributes(&attributes, host) != cudaSuccess) {
    cudaGetLastError();
    return false;
  }
  return attributes.type == cudaMemoryTypeHost;
}

void copy_in_parallel(void* target, const void* source, int64_t bytes) {
  parallel_for(bytes, kCopyGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<std::byte*>(target) + begin, static_cast<const std::byte*>(source) + begin,
                static_cast<size_t>(end - begin));
  });
}

Uploader::Uploader() : stream_(Stream::create()) {
  for (Piece& piece : ring_) piece.copied = Event::create();
}

void Uploader::upload(const void* host, void* device, int64_t bytes, const Event& done) {
  const std::scoped_lock lock(mutex_);
  const auto* from = static_cast<const std::byte*>(host);
  auto* to = static_cast<std::byte*>(device);
  if (is_page_locked(host)) {
    HQQ_CUDA_CHECK(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_.get()));
  } else {
    for (int64_t at = 0; at < bytes; at += kPieceBytes) {
      const int64_t count = std::min(kPieceBytes, bytes - at);
      Piece& piece = ring_[static_cast<size_t>(next_)];
      next_ = (next_ + 1) % kPieces;
      if (piece.memory.bytes() == 0) piece.memory = PinnedBuffer(kPieceBytes);
      if (piece.used) piece.copied.synchronize();
      copy_in_parallel(piece.memory.data(), from + at, count);
      HQQ_CUDA_CHECK(cudaMemcpyAsync(to + at, piece.memory.data(), static_cast<size_t>(count), cudaMemcpyHostToDevice,
                                     stream_.get()));
      piece.copied.record(stream_.get());
      piece.used = true;
    }
  }
  done.record(stream_.get());
}

}  // namespace hqq::cuda
