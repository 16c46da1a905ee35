// What everything on a device stands on: memory that is counted, limited and fails when told to, handles, typed errors.
#include "cuda/device.h"

#include <utility>

#include "cuda/handles.h"
#include "cuda/memory.h"
#include "cuda/probe.h"
#include "tests/cuda/support/device.h"
#include "tests/support/check.h"

using namespace hqq;
using namespace hqq::cuda;

TEST("a device has a UUID, a name and memory, and works") {
  test::need_device();
  const HqqCudaDeviceInfo info = describe_device(0);
  CHECK(std::string(info.uuid).starts_with("GPU-"), info.uuid);
  CHECK(info.name[0] != '\0');
  CHECK(info.total_bytes > 0 && info.multiprocessors > 0);
  CHECK(info.free_bytes == -1 || info.free_bytes <= info.total_bytes);
  probe_device(0);
  CHECK_EQ(device_account(0).live_total(), 0);
}

TEST("a device that is not there is an error, not a fault") {
  test::need_device();
  CHECK_THROWS_CODE(describe_device(device_count()), not_found);
  CHECK_THROWS_CODE(probe_device(-1), not_found);
}

TEST("buffers are counted by use and given back") {
  test::need_device();
  MemoryAccount& account = device_account(0);
  account.reset_peak();
  {
    DeviceBuffer weights(1 << 20, MemoryUse::weights);
    const DeviceBuffer cache(1 << 10, MemoryUse::kv_cache);
    CHECK_EQ(account.live(MemoryUse::weights), 1 << 20);
    CHECK_EQ(account.live(MemoryUse::kv_cache), 1 << 10);
    const DeviceBuffer moved = std::move(weights);
    CHECK_EQ(account.live(MemoryUse::weights), 1 << 20);
  }
  CHECK_EQ(account.live_total(), 0);
  CHECK_EQ(account.peak(), (1 << 20) + (1 << 10));
  {
    const PinnedBuffer host(4096);
    CHECK_EQ(pinned_bytes(), 4096);
  }
  CHECK_EQ(pinned_bytes(), 0);
}

TEST("an account keeps to its limit") {
  test::need_device();
  MemoryAccount small(0, 1000);
  const DeviceBuffer first(600, MemoryUse::weights, small);
  CHECK_EQ(device_account(0).live_total(), 600);
  CHECK_THROWS_CODE(DeviceBuffer(600, MemoryUse::scratch, small), out_of_memory);
  CHECK_EQ(small.live_total(), 600);
  CHECK_EQ(device_account(0).live_total(), 600);
}

TEST("more than a device has is out of memory, and the next allocation works") {
  test::need_device();
  CHECK_THROWS_CODE(DeviceBuffer(int64_t{1} << 50, MemoryUse::weights), out_of_memory);
  CHECK_EQ(device_account(0).live_total(), 0);
  const DeviceBuffer next(1000, MemoryUse::weights);
}

TEST("the n-th allocation fails when told to, once") {
  test::need_device();
  fail_allocation(2);
  const DeviceBuffer first(100, MemoryUse::scratch);
  CHECK_THROWS_CODE(DeviceBuffer(100, MemoryUse::scratch), out_of_memory);
  const DeviceBuffer third(100, MemoryUse::scratch);
  fail_allocation(1);
  CHECK_THROWS_CODE(PinnedBuffer(100), out_of_memory);
  fail_allocation(1);
  fail_allocation(0);
  const PinnedBuffer host(100);
}

TEST("a wrong call is an error with expression and place, and leaves the device usable") {
  test::need_device();
  HqqCudaStatus status{};
  CHECK_EQ(guarded(&status, [] { HQQ_CUDA_CHECK(cudaMemcpy(nullptr, nullptr, 1, cudaMemcpyDeviceToHost)); }), 1);
  CHECK_EQ(std::string(status.code), "internal");
  CHECK(std::string(status.message).find("cudaMemcpy(nullptr") != std::string::npos, status.message);
  CHECK(std::string(status.message).find("device_cuda_test.cpp:") != std::string::npos, status.message);
  probe_device(0);
}

TEST("errors after which a process must end are device-lost") {
  CHECK_THROWS_CODE(throw_cuda_error(cudaErrorIllegalAddress, "x", "y", 1), device_lost);
  CHECK_THROWS_CODE(throw_cuda_error(cudaErrorLaunchFailure, "x", "y", 1), device_lost);
  CHECK_THROWS_CODE(throw_cuda_error(cudaErrorMemoryAllocation, "x", "y", 1), out_of_memory);
  CHECK_THROWS_CODE(throw_cuda_error(cudaErrorNoKernelImageForDevice, "x", "y", 1), unsupported);
  CHECK_THROWS_CODE(throw_cuda_error(cudaErrorInvalidValue, "x", "y", 1), internal);
}

TEST("handles move and end") {
  test::need_device();
  Stream stream = Stream::create();
  const Stream moved = std::move(stream);
  CHECK(!stream && moved);
  const Event start = Event::create(true), stop = Event::create(true);
  start.record(moved.get());
  stop.record(moved.get());
  moved.synchronize();
  CHECK(Event::milliseconds(start, stop) >= 0);
}
