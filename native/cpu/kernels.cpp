#include "cpu/kernels.h"

#include <string>

#include "core/error.h"

namespace hqq {

const Kernels& kernels(SimdLevel level) {
  const Kernels* table = nullptr;
  switch (level) {
    case SimdLevel::scalar: table = scalar_kernels(); break;
    case SimdLevel::avx2: table = avx2_kernels(); break;
    case SimdLevel::avx512: table = avx512_kernels(); break;
    case SimdLevel::amx: table = amx_kernels(); break;
    case SimdLevel::neon: table = neon_kernels(); break;
  }
  require(table != nullptr, ErrorCode::internal, "this build has no kernels for " + std::string(to_string(level)));
  return *table;
}

const Kernels& kernels() { return kernels(active_simd_level()); }

}  // namespace hqq
