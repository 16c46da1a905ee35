// Tests on a device say so loudly where there is none.
#pragma once

#include <string>

#include "cuda/device.h"
#include "tests/support/check.h"

namespace hqq::test {

/// Throws Skipped where no CUDA device can be used; HQQ_NEED_CUDA=1 makes that a failure (for GPU machines).
inline void need_device() {
  std::string reason = "there is no CUDA device";
  try {
    if (hqq::cuda::device_count() > 0) return;
  } catch (const EngineError& error) {
    reason = error.what();
  }
  if (std::getenv("HQQ_NEED_CUDA")) FAIL("needs a CUDA device: ", reason);
  SKIP("needs a CUDA device: ", reason);
}

}  // namespace hqq::test
