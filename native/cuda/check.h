// CUDA's error codes as typed errors, and the one wrapper through which every function of the table answers.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "core/error.h"
#include "cuda/abi_status.h"

namespace hqq::cuda {

/// Whether NVIDIA's text says of an error that the process must be terminated and relaunched.
bool is_sticky(cudaError_t error);

/// Throws EngineError: {out_of_memory}, {device_lost} for sticky errors, {unsupported} for a device or driver that is
/// not fit, else {internal}. Clears CUDA's last error. `expression` is what was called.
[[noreturn]] void throw_cuda_error(cudaError_t error, const char* expression, const char* file, int line);

/// Fills a status from an error; cuts what is too long.
void set_status(HqqCudaStatus* status, std::string_view code, std::string_view message) noexcept;

/// Runs `body` for a function of the table: no exception leaves it. Returns 0, or 1 with `status` filled.
template <typename Body>
int guarded(HqqCudaStatus* status, Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const EngineError& error) {
    set_status(status, to_string(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    set_status(status, to_string(ErrorCode::out_of_memory), "the machine has too little free memory");
  } catch (const std::exception& error) {
    set_status(status, to_string(ErrorCode::internal), error.what());
  } catch (...) {
    set_status(status, to_string(ErrorCode::internal), "unknown exception");
  }
  return 1;
}

}  // namespace hqq::cuda

/// Throws a typed error with expression, file, line and device when a CUDA call fails. After a kernel launch:
/// HQQ_CUDA_CHECK(cudaGetLastError()).
#define HQQ_CUDA_CHECK(expression)                                                                           \
  do {                                                                                                       \
    const cudaError_t hqq_cuda_error_ = (expression);                                                        \
    if (hqq_cuda_error_ != cudaSuccess)                                                                      \
      ::hqq::cuda::throw_cuda_error(hqq_cuda_error_, #expression, __FILE__, __LINE__);                       \
  } while (0)
