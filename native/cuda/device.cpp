#include "cuda/device.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "cuda/handles.h"
#include "cuda/memory.h"
#include "cuda/nvml.h"

namespace hqq::cuda {
namespace {

/// The oldest generation with code in the library (native/cmake/cuda.cmake): Ampere.
constexpr int kOldestMajor = 8;

std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU-";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    char hex[3];
    std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex;
  }
  return text;
}

template <size_t size>
void copy_text(char (&target)[size], std::string_view text) {
  const size_t length = std::min(size - 1, text.size());
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

}  // namespace

int32_t device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice) {
    cudaGetLastError();
    return 0;
  }
  HQQ_CUDA_CHECK(error);
  return count;
}

int32_t checked_ordinal(int32_t ordinal) {
  require(ordinal >= 0 && ordinal < device_count(), ErrorCode::not_found,
          "there is no CUDA device " + std::to_string(ordinal));
  return ordinal;
}

HqqCudaDeviceInfo describe_device(int32_t ordinal) {
  cudaDeviceProp properties{};
  HQQ_CUDA_CHECK(cudaGetDeviceProperties(&properties, checked_ordinal(ordinal)));
  const std::string uuid = uuid_text(properties.uuid);
  HqqCudaDeviceInfo info{};
  copy_text(info.uuid, uuid);
  copy_text(info.name, properties.name);
  info.ordinal = ordinal;
  info.compute_major = properties.major;
  info.compute_minor = properties.minor;
  info.multiprocessors = properties.multiProcessorCount;
  info.total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  info.l2_bytes = properties.l2CacheSize;
  info.fit = properties.major >= kOldestMajor ? 1 : 0;
  info.free_bytes = info.other_bytes = info.utilization = -1;
  if (const auto seen = Nvml::instance().look_at(uuid, ::getpid())) {
    info.free_bytes = std::min(seen->free_bytes, info.total_bytes);
    info.other_bytes = seen->other_bytes >= 0
                           ? seen->other_bytes
                           : std::max<int64_t>(0, seen->used_bytes - device_account(ordinal).live_total());
    info.utilization = seen->utilization;
  }
  if (info.free_bytes < 0) {
    const DeviceScope scope(ordinal);
    size_t free = 0, total = 0;
    HQQ_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    info.free_bytes = static_cast<int64_t>(free);
  }
  copy_text(info.driver, Nvml::instance().driver());
  return info;
}

}  // namespace hqq::cuda
