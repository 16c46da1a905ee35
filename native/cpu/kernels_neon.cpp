#include "cpu/kernels.h"

#if defined(__aarch64__)
#include "cpu/simd_neon.h"
#include "cpu/table_impl.h"
#endif

namespace hqq {

const Kernels* neon_kernels() {
#if defined(__aarch64__)
  static constexpr Kernels table = make_kernels<SimdNeon>();
  return &table;
#else
  return nullptr;
#endif
}

}  // namespace hqq
