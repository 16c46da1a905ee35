#include "cuda/memory.h"

#include <atomic>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "cuda/check.h"
#include "cuda/handles.h"

namespace hqq::cuda {
namespace {

std::atomic<int64_t> allocations{0};
std::atomic<int64_t> failing_allocation{0};  // compared with `allocations`; 0 is none
std::atomic<int64_t> pinned{0};

const char* name_of(MemoryUse use) {
  switch (use) {
    case MemoryUse::weights: return "weights";
    case MemoryUse::metadata: return "scales and zeros";
    case MemoryUse::kv_cache: return "the KV cache";
    case MemoryUse::scratch:
    case MemoryUse::count: break;
  }
  return "scratch";
}

std::string megabytes(int64_t bytes) { return std::to_string((bytes + 999'999) / 1'000'000) + " MB"; }

/// Every allocation passes here once, before it is made.
bool must_fail() { return ++allocations == failing_allocation.load(); }

[[noreturn]] void throw_out_of_memory(int64_t bytes, const std::string& what, const std::string& where) {
  throw EngineError(ErrorCode::out_of_memory, where + " has too little memory: " + megabytes(bytes) + " for " + what +
                                                  " could not be had; free memory there, choose fewer bits or a "
                                                  "shorter context, or use another device");
}

}  // namespace

int64_t MemoryAccount::total_locked() const { return std::accumulate(live_.begin(), live_.end(), int64_t{0}); }

int64_t MemoryAccount::live(MemoryUse use) const {
  const std::scoped_lock lock(mutex_);
  return live_.at(static_cast<size_t>(use));
}

int64_t MemoryAccount::live_total() const {
  const std::scoped_lock lock(mutex_);
  return total_locked();
}

int64_t MemoryAccount::peak() const {
  const std::scoped_lock lock(mutex_);
  return peak_;
}

void MemoryAccount::reset_peak() {
  const std::scoped_lock lock(mutex_);
  peak_ = total_locked();
}

void MemoryAccount::take(int64_t bytes, MemoryUse use) {
  const std::scoped_lock lock(mutex_);
  const int64_t total = total_locked() + bytes;
  if (limit_ > 0 && total > limit_) {
    throw_out_of_memory(bytes, name_of(use),
                        "the device within its limit of " + megabytes(limit_) + " (" + megabytes(total - bytes) +
                            " used)");
  }
  live_.at(static_cast<size_t>(use)) += bytes;
  peak_ = std::max(peak_, total);
}

void MemoryAccount::give_back(int64_t bytes, MemoryUse use) noexcept {
  const std::scoped_lock lock(mutex_);
  live_[static_cast<size_t>(use)] -= bytes;
}

MemoryAccount& device_account(int device) {
  static std::mutex mutex;
  static std::vector<std::unique_ptr<MemoryAccount>> accounts;
  const std::scoped_lock lock(mutex);
  while (accounts.size() <= static_cast<size_t>(device))
    accounts.push_back(std::make_unique<MemoryAccount>(static_cast<int>(accounts.size())));
  return *accounts[static_cast<size_t>(device)];
}

MemoryAccount& current_account() {
  int device = 0;
  HQQ_CUDA_CHECK(cudaGetDevice(&device));
  return device_account(device);
}

DeviceBuffer::DeviceBuffer(int64_t bytes, MemoryUse use, MemoryAccount& account) {
  require(bytes >= 0, ErrorCode::bad_input, "a device buffer cannot have a negative size");
  if (bytes == 0) return;
  const std::string where = "device " + std::to_string(account.device());
  if (must_fail()) throw_out_of_memory(bytes, name_of(use), where);
  account.take(bytes, use);
  MemoryAccount& physical = device_account(account.device());
  try {
    if (&physical != &account) physical.take(bytes, use);
    const DeviceScope scope(account.device());
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, static_cast<size_t>(bytes));
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      size_t free = 0, total = 0;
      const bool known = cudaMemGetInfo(&free, &total) == cudaSuccess;
      throw_out_of_memory(bytes, name_of(use),
                          known ? where + " (" + megabytes(static_cast<int64_t>(free)) + " of " +
                                      megabytes(static_cast<int64_t>(total)) + " free)"
                                : where);
    }
    HQQ_CUDA_CHECK(error);
    data_ = static_cast<std::byte*>(memory);
  } catch (...) {
    if (&physical != &account) physical.give_back(bytes, use);
    account.give_back(bytes, use);
    throw;
  }
  bytes_ = bytes;
  use_ = use;
  account_ = &account;
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }

DeviceBuffer& DeviceBuffer::operator=(DeviceBuffer&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  use_ = other.use_;
  account_ = std::exchange(other.account_, nullptr);
  return *this;
}

void DeviceBuffer::release() noexcept {
  if (!data_) return;
  cudaFree(data_);  // finds the device by the address; an error here was reported by the work before
  MemoryAccount& physical = device_account(account_->device());
  if (&physical != account_) physical.give_back(bytes_, use_);
  account_->give_back(bytes_, use_);
  data_ = nullptr;
}

PinnedBuffer::PinnedBuffer(int64_t bytes, bool write_combined) {
  require(bytes >= 0, ErrorCode::bad_input, "a pinned buffer cannot have a negative size");
  if (bytes == 0) return;
  const char* what = "transfers (page-locked)";
  if (must_fail()) throw_out_of_memory(bytes, what, "the machine");
  void* memory = nullptr;
  const unsigned flags = cudaHostAllocPortable | (write_combined ? cudaHostAllocWriteCombined : 0u);
  const cudaError_t error = cudaHostAlloc(&memory, static_cast<size_t>(bytes), flags);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw_out_of_memory(bytes, what, "the machine");
  }
  HQQ_CUDA_CHECK(error);
  data_ = static_cast<std::byte*>(memory);
  bytes_ = bytes;
  pinned += bytes;
}

PinnedBuffer::PinnedBuffer(PinnedBuffer&& other) noexcept { *this = std::move(other); }

PinnedBuffer& PinnedBuffer::operator=(PinnedBuffer&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void PinnedBuffer::release() noexcept {
  if (!data_) return;
  cudaFreeHost(data_);
  pinned -= bytes_;
  data_ = nullptr;
}

int64_t pinned_bytes() { return pinned; }

void fail_allocation(int64_t nth) { failing_allocation = nth > 0 ? allocations + nth : 0; }

int64_t allocation_count() { return allocations; }

}  // namespace hqq::cuda
