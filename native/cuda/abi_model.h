// Running a model on a device.
#pragma once

#include "cuda/abi_status.h"

typedef struct HqqCudaModelApi {
} HqqCudaModelApi;
