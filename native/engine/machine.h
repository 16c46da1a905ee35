// What the engine knows of the machine and of its own process.
#pragma once

#include <cstdint>
#include <string>

#include "io/json.h"

namespace hqq {

/// CPU, cores, memory, SIMD levels, threads and devices; the `machine` object of the contracts.
Json machine_info();

/// Resident bytes of this process, 0 where the system does not tell.
int64_t resident_bytes();

/// Measures the highest resident set of the process over a stretch of work, less what was resident at its start.
class ResidentPeak {
 public:
  ResidentPeak();
  /// Bytes above the start; the engine's own count of its buffers where the system cannot tell.
  int64_t bytes() const;

 private:
  int64_t resident_at_start_ = 0;
  int64_t buffers_at_start_ = 0;
  bool from_system_ = false;
};

}  // namespace hqq
