#include "cuda/check.h"

#include <algorithm>
#include <cstring>

namespace hqq::cuda {
namespace {

bool is_unfit(cudaError_t error) {
  switch (error) {
    case cudaErrorInsufficientDriver:
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorNoDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice: return true;
    default: return false;
  }
}

ErrorCode code_of(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return ErrorCode::out_of_memory;
  if (is_sticky(error)) return ErrorCode::device_lost;
  return is_unfit(error) ? ErrorCode::unsupported : ErrorCode::internal;
}

void copy_cut(char* target, size_t size, std::string_view text) noexcept {
  const size_t length = std::min(size - 1, text.size());
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

}  // namespace

bool is_sticky(cudaError_t error) {
  switch (error) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown: return true;
    default: return false;
  }
}

void throw_cuda_error(cudaError_t error, const char* expression, const char* file, int line) {
  cudaGetLastError();
  int device = -1;
  if (cudaGetDevice(&device) != cudaSuccess) cudaGetLastError();
  const char* slash = std::strrchr(file, '/');
  throw EngineError(code_of(error), std::string("CUDA: ") + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) +
                                        ", " + std::to_string(static_cast<int>(error)) + ") in " + expression +
                                        ", " + (slash ? slash + 1 : file) + ":" + std::to_string(line) +
                                        ", device " + std::to_string(device));
}

void set_status(HqqCudaStatus* status, std::string_view code, std::string_view message) noexcept {
  if (!status) return;
  copy_cut(status->code, sizeof status->code, code);
  copy_cut(status->message, sizeof status->message, message);
}

}  // namespace hqq::cuda
