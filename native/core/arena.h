// The only source of large memory in the engine. Electron's allocator traps on malloc of 1-2 GB in every one of its
// processes (electron #44291), so weights, KV cache and scratch come from anonymous mmap and are counted by purpose.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hqq {

/// What a buffer is for; the same split the window shows.
enum class MemoryUse : uint8_t { weights, metadata, kv_cache, scratch, count };

/// Owning, zero-initialised, 64-byte-aligned (page-aligned when large) memory. Move-only.
class Buffer {
 public:
  Buffer() = default;
  /// Throws EngineError{out_of_memory} with the size asked for.
  Buffer(int64_t bytes, MemoryUse use);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const { return reinterpret_cast<T*>(data_); }
  template <typename T>
  std::span<T> span() const { return {as<T>(), static_cast<size_t>(bytes_ / static_cast<int64_t>(sizeof(T)))}; }

 private:
  void release() noexcept;
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
  MemoryUse use_ = MemoryUse::scratch;
};

/// Live bytes per MemoryUse, and the highest total seen since the last reset_peak().
struct MemoryCounts {
  std::array<int64_t, static_cast<size_t>(MemoryUse::count)> live{};
  int64_t peak_total = 0;
};
MemoryCounts memory_counts();
void reset_peak();

}  // namespace hqq
