// Weights from host memory to the device: straight from page-locked memory, else through a ring of page-locked pieces
// that several threads fill while earlier ones are on the bus.
#pragma once

#include <array>
#include <mutex>

#include "cuda/handles.h"
#include "cuda/memory.h"

namespace hqq::cuda {

class Uploader {
 public:
  /// Of the current device.
  Uploader();

  /// Copies `bytes` from host to device memory and records `done`; returns when `host` has been read, or at once when
  /// it is page-locked (then it must stay until `done`). Safe from several threads, one after the other.
  void upload(const void* host, void* device, int64_t bytes, const Event& done);

 private:
  static constexpr int64_t kPieceBytes = int64_t{16} << 20;
  static constexpr int kPieces = 4;
  struct Piece {
    PinnedBuffer memory;
    Event copied;
    bool used = false;
  };

  std::mutex mutex_;
  Stream stream_;
  std::array<Piece, kPieces> ring_;
  int next_ = 0;
};

/// True for page-locked memory, which the device reads and writes without a copy in between.
bool is_page_locked(const void* host);

/// memcpy by several threads.
void copy_in_parallel(void* target, const void* source, int64_t bytes);

}  // namespace hqq::cuda
