#include "quant/group_fit.h"

#include "core/cpu_features.h"

namespace hqq {

FitGroup fit_group() {
  switch (active_simd_level()) {
#if defined(__x86_64__) || defined(_M_X64)
    case SimdLevel::avx2: return kFitGroupAvx2;
    case SimdLevel::avx512:
    case SimdLevel::amx: return kFitGroupAvx512;
#endif
#if defined(__aarch64__)
    case SimdLevel::neon: return kFitGroupNeon;
#endif
    default: return kFitGroupScalar;
  }
}

}  // namespace hqq
