// One owner for each CUDA handle. All are move-only; destructors never throw.
#pragma once

#include <cuda_runtime_api.h>

#include <utility>

#include "cuda/check.h"

namespace hqq::cuda {

/// Makes a device current for the calling thread, and the one before it again at the end of the scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device) {
    HQQ_CUDA_CHECK(cudaGetDevice(&before_));
    if (device != before_) HQQ_CUDA_CHECK(cudaSetDevice(device));
    changed_ = device != before_;
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  ~DeviceScope() {
    if (changed_) cudaSetDevice(before_);
  }

 private:
  int before_ = 0;
  bool changed_ = false;
};

/// Owner of a handle that `Destroy` ends.
template <typename Handle, cudaError_t (*Destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this == &other) return *this;
    release();
    handle_ = std::exchange(other.handle_, nullptr);
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { release(); }

  Handle get() const { return handle_; }
  explicit operator bool() const { return handle_ != nullptr; }

 private:
  void release() noexcept {
    if (handle_) Destroy(handle_);
    handle_ = nullptr;
  }
  Handle handle_ = nullptr;
};

using Graph = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

/// A stream that does not wait for the default stream. Empty when default-constructed.
class Stream : public Owned<cudaStream_t, cudaStreamDestroy> {
 public:
  using Owned::Owned;
  /// On the current device. A higher priority is a lower number; 0 is the lowest.
  static Stream create(int priority = 0) {
    cudaStream_t stream = nullptr;
    HQQ_CUDA_CHECK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
    return Stream(stream);
  }
  void synchronize() const { HQQ_CUDA_CHECK(cudaStreamSynchronize(get())); }
};

class Event : public Owned<cudaEvent_t, cudaEventDestroy> {
 public:
  using Owned::Owned;
  static Event create(bool timing = false) {
    cudaEvent_t event = nullptr;
    HQQ_CUDA_CHECK(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming));
    return Event(event);
  }
  void record(cudaStream_t stream) const { HQQ_CUDA_CHECK(cudaEventRecord(get(), stream)); }
  void synchronize() const { HQQ_CUDA_CHECK(cudaEventSynchronize(get())); }
  /// Makes later work of `stream` wait for what was recorded.
  void wait_on(cudaStream_t stream) const { HQQ_CUDA_CHECK(cudaStreamWaitEvent(stream, get(), 0)); }
  /// Between two events made with timing that both have completed.
  static float milliseconds(const Event& start, const Event& stop) {
    float ms = 0;
    HQQ_CUDA_CHECK(cudaEventElapsedTime(&ms, start.get(), stop.get()));
    return ms;
  }
};

}  // namespace hqq::cuda
