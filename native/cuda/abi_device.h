// Devices: what there is, whether it works, what is used on it.
#pragma once

#include "cuda/abi_status.h"

/// What does not change while the process lives, and what does (memory, utilization) as of the call.
typedef struct HqqCudaDeviceInfo {
  char uuid[64];  // "GPU-2f1c...": the same text as nvidia-smi's
  char name[256];
  int32_t ordinal;  // of this process, subject to CUDA_VISIBLE_DEVICES
  int32_t compute_major, compute_minor;
  int32_t multiprocessors;
  int64_t total_bytes;
  int64_t free_bytes;
  int64_t other_bytes;  // used by other processes; -1 when NVML does not tell
  int32_t utilization;  // percent of the last sample period; -1 when NVML does not tell
  int32_t fit;          // 1 when this library has code for the device
  int64_t l2_bytes;
  char driver[32];  // "580.65.06"; empty when NVML is not there
} HqqCudaDeviceInfo;

/// Live bytes of this process on one device, by use, and the highest total since the last reset.
typedef struct HqqCudaMemory {
  int64_t weights, metadata, kv_cache, scratch;
  int64_t pinned;  // host memory, of all devices
  int64_t peak;
} HqqCudaMemory;

typedef struct HqqCudaDeviceApi {
  int (*count)(int32_t* count, HqqCudaStatus* status);
  int (*describe)(int32_t ordinal, HqqCudaDeviceInfo* info, HqqCudaStatus* status);
  /// Allocates, runs one small kernel and checks what it wrote. A device is offered only after this.
  int (*probe)(int32_t ordinal, HqqCudaStatus* status);
  int (*memory)(int32_t ordinal, HqqCudaMemory* memory, HqqCudaStatus* status);
  int (*reset_peak)(int32_t ordinal, HqqCudaStatus* status);
  /// Fault injection: the n-th allocation from now (1 is the next) fails as out-of-memory, once; 0 turns it off.
  int (*fail_allocation)(int64_t nth, HqqCudaStatus* status);
  /// Allocations asked for since the library was loaded, failed ones included.
  int (*allocation_count)(int64_t* count, HqqCudaStatus* status);
} HqqCudaDeviceApi;
