// The parts of the library's table, one file each.
#pragma once

#include "cuda/abi.h"

namespace hqq::cuda {

HqqCudaDeviceApi device_table();
HqqCudaQuantizeApi quantize_table();
HqqCudaModelApi model_table();

}  // namespace hqq::cuda
