// Models on the devices that the GPU library finds.
#pragma once

namespace hqq {

/// Makes LoadOptions::device "cuda:UUID" (engine/device_field.h) mean that device. May be called again.
void enable_device_executors();

}  // namespace hqq
