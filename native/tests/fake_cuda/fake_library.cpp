// A pretended libhqq_cuda.so: devices that are listed and probed but compute nothing. By environment:
//   FAKE_CUDA_ABI       the version it claims
//   FAKE_CUDA_DEVICES   how many devices there are (1 when unset)
//   FAKE_CUDA_PROBE     "crash": the probe kills the process; "fail": the first device fails it
//   FAKE_CUDA_LOST      a file: while it exists, every device answers device-lost
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "cuda/abi.h"

namespace {

std::string_view text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

int fail(HqqCudaStatus* status, const char* code, const char* message) {
  std::snprintf(status->code, sizeof status->code, "%s", code);
  std::snprintf(status->message, sizeof status->message, "%s", message);
  return 1;
}

bool lost() {
  const char* path = std::getenv("FAKE_CUDA_LOST");
  std::FILE* file = path ? std::fopen(path, "r") : nullptr;
  if (file) std::fclose(file);
  return file != nullptr;
}

int count(int32_t* result, HqqCudaStatus*) {
  *result = text("FAKE_CUDA_DEVICES").empty() ? 1 : std::atoi(text("FAKE_CUDA_DEVICES").data());
  return 0;
}

int describe(int32_t ordinal, HqqCudaDeviceInfo* info, HqqCudaStatus* status) {
  if (lost()) return fail(status, "device-lost", "CUDA: unspecified launch failure");
  *info = HqqCudaDeviceInfo{};
  std::snprintf(info->uuid, sizeof info->uuid, "GPU-00000000-0000-0000-0000-00000000000%d", ordinal);
  std::snprintf(info->name, sizeof info->name, "Pretend GPU %d", ordinal);
  std::snprintf(info->driver, sizeof info->driver, "580.00.00");
  info->ordinal = ordinal;
  info->compute_major = ordinal == 2 ? 7 : 9;
  info->multiprocessors = 10;
  info->total_bytes = int64_t{24} << 30;
  info->free_bytes = int64_t{20 + ordinal} << 30;
  info->other_bytes = int64_t{1} << 30;
  info->utilization = 12;
  info->fit = info->compute_major >= 8 ? 1 : 0;
  return 0;
}

int probe(int32_t ordinal, HqqCudaStatus* status) {
  if (text("FAKE_CUDA_PROBE") == "crash") std::raise(SIGKILL);
  if (lost()) return fail(status, "device-lost", "CUDA: unspecified launch failure");
  if (text("FAKE_CUDA_PROBE") == "fail" && ordinal == 0)
    return fail(status, "out-of-memory", "device 0 has too little memory");
  return 0;
}

int memory(int32_t, HqqCudaMemory* result, HqqCudaStatus*) {
  *result = HqqCudaMemory{};
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const HqqCudaApi* hqq_cuda_get_api(uint32_t) {
  static HqqCudaApi api{};
  api.abi_version = text("FAKE_CUDA_ABI").empty() ? HQQ_CUDA_ABI_VERSION
                                                  : static_cast<uint32_t>(std::atoi(text("FAKE_CUDA_ABI").data()));
  api.table_bytes = sizeof(HqqCudaApi);
  api.engine_version = "0.0.0-fake";
  api.device.count = count;
  api.device.describe = describe;
  api.device.probe = probe;
  api.device.memory = memory;
  return &api;
}
