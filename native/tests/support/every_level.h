// Runs a check at every SIMD level this CPU has, and restores the level and the thread count afterwards.
#pragma once

#include <functional>
#include <string>

#include "core/cpu_features.h"
#include "core/thread_pool.h"
#include "tests/support/check.h"

namespace hqq::test {

/// Restores the active SIMD level and the default thread count on leaving a scope.
class RestoreSettings {
 public:
  RestoreSettings() : level_(active_simd_level()) {}
  RestoreSettings(const RestoreSettings&) = delete;
  RestoreSettings& operator=(const RestoreSettings&) = delete;
  ~RestoreSettings() {
    set_simd_level(level_);
    set_thread_count(0);
  }

 private:
  SimdLevel level_;
};

/// Calls body once per available level; failures name the level.
inline void at_every_level(const std::function<void()>& body) {
  const RestoreSettings restore;
  for (const SimdLevel level : available_simd_levels()) {
    set_simd_level(level);
    try {
      body();
    } catch (const Failure& failure) {
      throw Failure("at SIMD level " + std::string(to_string(level)) + ": " + failure.what());
    }
  }
}

/// Calls body with 1 to 5 threads; failures name the count.
inline void at_every_thread_count(const std::function<void()>& body) {
  const RestoreSettings restore;
  for (int threads = 1; threads <= 5; ++threads) {
    set_thread_count(threads);
    try {
      body();
    } catch (const Failure& failure) {
      throw Failure("with " + std::to_string(threads) + " threads: " + failure.what());
    }
  }
}

}  // namespace hqq::test
