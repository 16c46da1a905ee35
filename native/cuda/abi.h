// The whole boundary between the engine and libhqq_cuda.so: plain structs and functions, no exception and no C++ type
// crosses it. Both sides are built from one commit; version and size of the table tell when they were not.
#pragma once

#include "cuda/abi_device.h"
#include "cuda/abi_model.h"
#include "cuda/abi_quantize.h"
#include "cuda/abi_status.h"

/// Raised with every change of a table or of what a function means.
#define HQQ_CUDA_ABI_VERSION 2u

typedef struct HqqCudaApi {
  uint32_t abi_version;   // HQQ_CUDA_ABI_VERSION of the library
  uint32_t table_bytes;   // sizeof(HqqCudaApi) of the library
  const char* engine_version;
  HqqCudaDeviceApi device;
  HqqCudaQuantizeApi quantize;
  HqqCudaModelApi model;
} HqqCudaApi;

/// The only exported symbol, "hqq_cuda_get_api": the table, or null when `abi_version` is not the library's.
typedef const HqqCudaApi* (*HqqCudaGetApi)(uint32_t abi_version);
