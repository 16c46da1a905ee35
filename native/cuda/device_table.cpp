#include <cstring>

#include "cuda/device.h"
#include "cuda/memory.h"
#include "cuda/probe.h"
#include "cuda/tables.h"

namespace hqq::cuda {
namespace {

int count(int32_t* result, HqqCudaStatus* status) {
  return guarded(status, [&] { *result = device_count(); });
}

int describe(int32_t ordinal, HqqCudaDeviceInfo* info, HqqCudaStatus* status) {
  return guarded(status, [&] { *info = describe_device(ordinal); });
}

int probe(int32_t ordinal, HqqCudaStatus* status) {
  return guarded(status, [&] { probe_device(ordinal); });
}

int memory(int32_t ordinal, HqqCudaMemory* result, HqqCudaStatus* status) {
  return guarded(status, [&] {
    const MemoryAccount& account = device_account(checked_ordinal(ordinal));
    *result = {.weights = account.live(MemoryUse::weights),
               .metadata = account.live(MemoryUse::metadata),
               .kv_cache = account.live(MemoryUse::kv_cache),
               .scratch = account.live(MemoryUse::scratch),
               .pinned = pinned_bytes(),
               .peak = account.peak()};
  });
}

int reset_peak(int32_t ordinal, HqqCudaStatus* status) {
  return guarded(status, [&] { device_account(checked_ordinal(ordinal)).reset_peak(); });
}

int set_allocation_fault(int64_t nth, HqqCudaStatus* status) {
  return guarded(status, [&] { fail_allocation(nth); });
}

int count_allocations(int64_t* result, HqqCudaStatus* status) {
  return guarded(status, [&] { *result = allocation_count(); });
}

}  // namespace

HqqCudaDeviceApi device_table() {
  return {.count = count,
          .describe = describe,
          .probe = probe,
          .memory = memory,
          .reset_peak = reset_peak,
          .fail_allocation = set_allocation_fault,
          .allocation_count = count_allocations};
}

}  // namespace hqq::cuda
