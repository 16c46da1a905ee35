// The smallest proof that a device works: memory, a launch, and a result that is right.
#pragma once

#include <cstdint>

namespace hqq::cuda {

/// Throws what the device answers, EngineError{device_lost} for a wrong result. Leaves nothing allocated.
void probe_device(int32_t ordinal);

}  // namespace hqq::cuda
