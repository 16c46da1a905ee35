#include "engine/machine.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <numeric>
#include <thread>

#include "core/arena.h"
#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "engine/cuda_library.h"

namespace hqq {
namespace {

/// A "Name:   123 kB" line of a /proc file in bytes, 0 when absent.
int64_t proc_bytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + ":")) return std::stoll("0" + line.substr(line.find_first_of("0123456789"))) * 1024;
  }
  return 0;
}

/// Memory limit of the control group (version 2) less what it uses; no limit reads as the largest number.
int64_t cgroup_bytes(const char* file) {
  std::ifstream in(file);
  int64_t value = 0;
  return in >> value ? value : std::numeric_limits<int64_t>::max();
}

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown CPU";
}

int64_t buffer_bytes() {
  const auto live = memory_counts().live;
  return std::accumulate(live.begin(), live.end(), int64_t{0});
}

Json number_or_null(int64_t value) { return value >= 0 ? Json(value) : Json(); }

Json own_memory(CudaLibrary& cuda, int32_t ordinal) {
  HqqCudaMemory memory{};
  cuda.call(cuda.api().device.memory, ordinal, &memory);
  Json json;
  json.set("weights", memory.weights)
      .set("metadata", memory.metadata)
      .set("kvCache", memory.kv_cache)
      .set("scratch", memory.scratch);
  return json;
}

Json cuda_device(CudaLibrary& cuda, const CudaDevice& device) {
  const HqqCudaDeviceInfo& info = device.info;
  const std::string driver = info.driver;
  Json gpu;
  gpu.set("uuid", std::string(info.uuid))
      .set("ordinal", info.ordinal)
      .set("computeCapability", std::to_string(info.compute_major) + "." + std::to_string(info.compute_minor))
      .set("multiprocessors", info.multiprocessors)
      .set("driver", driver.empty() ? Json() : Json(driver))
      .set("otherBytes", number_or_null(info.other_bytes))
      .set("utilization", number_or_null(info.utilization))
      .set("own", own_memory(cuda, info.ordinal))
      .set("problem", device.problem.empty() ? Json() : Json(device.problem));
  Json json;
  json.set("id", device.id)
      .set("name", std::string(info.name))
      .set("kind", "cuda")
      .set("totalBytes", info.total_bytes)
      .set("freeBytes", std::max<int64_t>(0, info.free_bytes))
      .set("gpu", std::move(gpu));
  return json;
}

/// Those that can be asked. One that is lost is told by the library's state; the rest of the machine works on.
Json::Array cuda_devices(CudaLibrary& cuda) {
  Json::Array devices;
  try {
    for (const CudaDevice& device : cuda.devices()) devices.push_back(cuda_device(cuda, device));
  } catch (const EngineError&) {
    devices.clear();
  }
  return devices;
}

}  // namespace

Json machine_info() {
  const int64_t limit = cgroup_bytes("/sys/fs/cgroup/memory.max");
  const int64_t total = std::min(proc_bytes("/proc/meminfo", "MemTotal"), limit);
  int64_t available = std::min(proc_bytes("/proc/meminfo", "MemAvailable"), total);
  if (limit == total)
    available = std::clamp<int64_t>(limit - cgroup_bytes("/sys/fs/cgroup/memory.current"), 0, available);
  const std::string name = cpu_name();
  CudaLibrary& cuda = CudaLibrary::instance();

  Json::Array levels;
  for (const SimdLevel level : available_simd_levels()) levels.emplace_back(to_string(level));
  Json simd;
  simd.set("available", std::move(levels)).set("active", to_string(active_simd_level()));
  Json cpu;
  cpu.set("id", "cpu").set("name", name).set("kind", "cpu").set("totalBytes", total).set("freeBytes", available);
  Json::Array devices{std::move(cpu)};
  for (Json& device : cuda_devices(cuda)) devices.push_back(std::move(device));
  Json cuda_state;
  cuda_state.set("state", to_string(cuda.state())).set("sentence", cuda.sentence());

  Json info;
  info.set("cpu", name)
      .set("cores", static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency())))
      .set("totalMemoryBytes", total)
      .set("availableMemoryBytes", available)
      .set("simd", std::move(simd))
      .set("threads", thread_count())
      .set("devices", std::move(devices))
      .set("cuda", std::move(cuda_state));
  return info;
}

int64_t resident_bytes() { return proc_bytes("/proc/self/status", "VmRSS"); }

ResidentPeak::ResidentPeak() : resident_at_start_(resident_bytes()), buffers_at_start_(buffer_bytes()) {
  reset_peak();
  // Linux: "5" sets the high-water mark back to the present resident set.
  std::ofstream reset("/proc/self/clear_refs");
  from_system_ = resident_at_start_ > 0 && (reset << "5" << std::flush).good();
}

int64_t ResidentPeak::bytes() const {
  const int64_t buffers = std::max<int64_t>(0, memory_counts().peak_total - buffers_at_start_);
  if (!from_system_) return buffers;
  return std::max<int64_t>(0, proc_bytes("/proc/self/status", "VmHWM") - resident_at_start_);
}

}  // namespace hqq
