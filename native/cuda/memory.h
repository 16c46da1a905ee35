// The only source of memory for device code: every allocation is counted by use, kept within its account's limit and can
// be made to fail on purpose. Sizes are chosen when a model or job is set up: nothing is allocated in a loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "core/arena.h"

namespace hqq::cuda {

/// Live bytes by use of one device, or of one logical device with a limit of its own. Outlives its buffers.
class MemoryAccount {
 public:
  /// `limit` in bytes; 0 is no limit.
  explicit MemoryAccount(int device, int64_t limit = 0) : device_(device), limit_(limit) {}
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  int device() const { return device_; }
  int64_t limit() const { return limit_; }
  int64_t live(MemoryUse use) const;
  int64_t live_total() const;
  int64_t peak() const;
  void reset_peak();

  /// Counts an allocation before it is made; throws EngineError{out_of_memory} beyond the limit.
  void take(int64_t bytes, MemoryUse use);
  void give_back(int64_t bytes, MemoryUse use) noexcept;

 private:
  int64_t total_locked() const;

  const int device_;
  const int64_t limit_;
  mutable std::mutex mutex_;
  std::array<int64_t, static_cast<size_t>(MemoryUse::count)> live_{};
  int64_t peak_ = 0;
};

/// The unlimited account of a physical device. Logical devices count here too.
MemoryAccount& device_account(int device);
/// Of the calling thread's current device.
MemoryAccount& current_account();

/// Device memory, not initialised. Move-only. Freed on the device it was allocated on, whatever is current then.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  /// Throws EngineError{out_of_memory} with size, use and what is free; {bad_input} for a negative size.
  DeviceBuffer(int64_t bytes, MemoryUse use, MemoryAccount& account = current_account());
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() { release(); }

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const { return reinterpret_cast<T*>(data_); }

 private:
  void release() noexcept;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  MemoryUse use_ = MemoryUse::scratch;
  MemoryAccount* account_ = nullptr;
};

/// Page-locked host memory, readable by every device. Move-only, not initialised.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  /// `write_combined` suits memory that the CPU only writes. Throws EngineError{out_of_memory}.
  explicit PinnedBuffer(int64_t bytes, bool write_combined = false);
  PinnedBuffer(PinnedBuffer&& other) noexcept;
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept;
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer() { release(); }

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const { return reinterpret_cast<T*>(data_); }

 private:
  void release() noexcept;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

/// Live page-locked bytes of the process.
int64_t pinned_bytes();

/// Fault injection: the n-th allocation from now (1 is the next) fails as out_of_memory, once; 0 turns it off.
void fail_allocation(int64_t nth);
/// Allocations asked for so far, failed ones included.
int64_t allocation_count();

}  // namespace hqq::cuda
