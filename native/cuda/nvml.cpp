#include "cuda/nvml.h"

#include <dlfcn.h>

#include <vector>

namespace hqq::cuda {
namespace {

// The few declarations of nvml.h that are used; their layout is fixed by the version in each function's name.
using Device = void*;
struct Memory {
  unsigned version;
  unsigned long long total, reserved, free, used;
};
constexpr unsigned kMemoryVersion = sizeof(Memory) | 2u << 24;
struct Utilization { unsigned gpu, memory; };
struct Process {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance, compute_instance;
};
constexpr int kSuccess = 0;
constexpr unsigned long long kNotAvailable = ~0ull;
constexpr unsigned kDriverTextBytes = 80;

template <typename... Arguments>
int call(void* library, const char* name, Arguments... arguments) {
  using Function = int (*)(Arguments...);
  const auto function = reinterpret_cast<Function>(::dlsym(library, name));
  return function ? function(arguments...) : -1;
}

/// Bytes of all processes but one, or -1 when it cannot be told. In a container processes have other numbers: a list of one
/// is then that one, since a device is looked at by who uses it.
int64_t bytes_of_others(void* library, Device device, int64_t own_process) {
  std::vector<Process> processes(256);
  unsigned count = static_cast<unsigned>(processes.size());
  if (call(library, "nvmlDeviceGetComputeRunningProcesses_v3", device, &count, processes.data()) != kSuccess) return -1;
  processes.resize(count);
  int64_t others = 0;
  bool found = false;
  for (const Process& process : processes) {
    if (process.pid == own_process) found = true;
    else if (process.used_memory == kNotAvailable) return -1;
    else others += static_cast<int64_t>(process.used_memory);
  }
  return found ? others : count <= 1 ? 0 : -1;
}

}  // namespace

const Nvml& Nvml::instance() {
  static const Nvml nvml;
  return nvml;
}

Nvml::Nvml() : library_(::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
  if (!library_) return;
  if (call(library_, "nvmlInit_v2") != kSuccess) {
    library_ = nullptr;
    return;
  }
  char text[kDriverTextBytes] = {};
  if (call(library_, "nvmlSystemGetDriverVersion", static_cast<char*>(text), kDriverTextBytes) == kSuccess)
    driver_ = text;
}

std::optional<Nvml::Sight> Nvml::look_at(const std::string& uuid, int64_t own_process) const {
  Device device = nullptr;
  if (!library_ || call(library_, "nvmlDeviceGetHandleByUUID", uuid.c_str(), &device) != kSuccess) return {};
  Memory memory{};
  memory.version = kMemoryVersion;
  if (call(library_, "nvmlDeviceGetMemoryInfo_v2", device, &memory) != kSuccess) return {};
  Sight sight;
  sight.used_bytes = static_cast<int64_t>(memory.used);
  sight.free_bytes = static_cast<int64_t>(memory.free);
  sight.other_bytes = bytes_of_others(library_, device, own_process);
  Utilization utilization{};
  if (call(library_, "nvmlDeviceGetUtilizationRates", device, &utilization) == kSuccess)
    sight.utilization = static_cast<int32_t>(utilization.gpu);
  return sight;
}

}  // namespace hqq::cuda
