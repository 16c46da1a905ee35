// NVIDIA's management library, opened at run time: the only source that tells of other processes and of memory without
// creating a context. Everything works without it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace hqq::cuda {

class Nvml {
 public:
  struct Sight {
    int64_t used_bytes = 0, free_bytes = 0;
    int64_t other_bytes = -1;  // of all processes but `own_process`; -1 when it cannot be told
    int32_t utilization = -1;  // percent
  };

  /// Opened at the first call and kept.
  static const Nvml& instance();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  /// "580.65.06"; empty when the library is not there.
  const std::string& driver() const { return driver_; }
  /// Nothing when the library or the device is not there.
  std::optional<Sight> look_at(const std::string& uuid, int64_t own_process) const;

 private:
  Nvml();
  void* library_ = nullptr;  // kept until the process ends
  std::string driver_;
};

}  // namespace hqq::cuda
