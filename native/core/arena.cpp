#include "core/arena.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <string>
#include <utility>

#include "core/error.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace hqq {
namespace {

constexpr int64_t kMapThreshold = int64_t{1} << 20;
constexpr std::align_val_t kSmallAlignment{64};
constexpr size_t kUses = static_cast<size_t>(MemoryUse::count);

std::array<std::atomic<int64_t>, kUses> live_bytes{};
std::atomic<int64_t> live_total{0};
std::atomic<int64_t> peak_total{0};

void count(int64_t bytes, MemoryUse use) {
  live_bytes[static_cast<size_t>(use)] += bytes;
  const int64_t total = live_total += bytes;
  int64_t peak = peak_total.load();
  while (total > peak && !peak_total.compare_exchange_weak(peak, total)) {
  }
}

std::byte* map_pages(int64_t bytes) {
#if defined(_WIN32)
  void* p = VirtualAlloc(nullptr, static_cast<SIZE_T>(bytes), MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
#else
  void* p = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
  // Fewer page faults for tensors of tens of MB; refusal by the kernel costs nothing.
  madvise(p, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
#endif
  return static_cast<std::byte*>(p);
}

void unmap_pages(std::byte* data, [[maybe_unused]] int64_t bytes) noexcept {
#if defined(_WIN32)
  VirtualFree(data, 0, MEM_RELEASE);
#else
  munmap(data, static_cast<size_t>(bytes));
#endif
}

}  // namespace

Buffer::Buffer(int64_t bytes, MemoryUse use) : bytes_(bytes), use_(use) {
  require(bytes >= 0, ErrorCode::internal, "a buffer cannot have a negative size");
  if (bytes == 0) return;
  if (bytes >= kMapThreshold) {
    data_ = map_pages(bytes);
  } else {
    data_ = static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kSmallAlignment, std::nothrow));
    if (data_ != nullptr) std::fill_n(data_, bytes, std::byte{0});
  }
  if (data_ == nullptr) {
    throw EngineError(ErrorCode::out_of_memory,
                      "the system refused " + std::to_string((bytes + (1 << 20) - 1) >> 20) +
                          " MiB of memory; close other programs or choose a smaller model or context");
  }
  count(bytes, use);
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)), use_(other.use_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    use_ = other.use_;
  }
  return *this;
}

Buffer::~Buffer() { release(); }

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  if (bytes_ >= kMapThreshold) {
    unmap_pages(data_, bytes_);
  } else {
    ::operator delete(data_, kSmallAlignment);
  }
  count(-bytes_, use_);
  data_ = nullptr;
  bytes_ = 0;
}

MemoryCounts memory_counts() {
  MemoryCounts counts;
  for (size_t i = 0; i < kUses; ++i) counts.live[i] = live_bytes[i].load();
  counts.peak_total = peak_total.load();
  return counts;
}

void reset_peak() { peak_total = live_total.load(); }

}  // namespace hqq
