// What devices there are and what they have.
#pragma once

#include "cuda/abi_device.h"
#include "cuda/check.h"

namespace hqq::cuda {

/// Devices this process may use; 0 where there is none.
int32_t device_count();

/// `ordinal` itself. Throws EngineError{not_found} for a device that is not there.
int32_t checked_ordinal(int32_t ordinal);

/// Name, UUID, sizes and present use. Creates a context on the device only where NVML does not tell its memory.
HqqCudaDeviceInfo describe_device(int32_t ordinal);

}  // namespace hqq::cuda
