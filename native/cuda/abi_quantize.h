// Quantizing on a device.
#pragma once

#include "cuda/abi_status.h"

typedef struct HqqCudaQuantizeApi {
} HqqCudaQuantizeApi;
